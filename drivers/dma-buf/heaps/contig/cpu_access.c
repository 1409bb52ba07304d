// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who owns a cached buffer's cache lines, and what a CPU session does.
 *
 * Cache invariants, each with a test of its name. A "device" reads memory past
 * the CPU caches; one that is coherent does not, and counts as a CPU.
 *
 *  device_sees_cpu: a line that only the CPU has is in memory before a device is
 *	mapped, and after a session that wrote. A buffer that was zeroed just now
 *	is born with such lines, every writable view may make more of them at any
 *	time, and a copy out of a bounce buffer too.
 *  cpu_sees_device: a device that may have written is followed by an
 *	invalidation before the CPU may read, or write a part of a line: at the
 *	next session, the next view, or, when there are views already, when the
 *	device is unmapped. With no device mapped, one that was told the address
 *	may have written, for a session that reads.
 *  nothing_is_lost: an invalidation throws away nothing that the CPU wrote: where
 *	it may have newer lines, they are cleaned first. Who writes in between
 *	would lose it, so while somebody may be writing through the caches, no
 *	invalidation is made that can wait, and none for a device that is not
 *	known. Sessions beside one that writes share no cache line with it.
 *  one_pass: a session that reads is one invalidation, one that writes is one
 *	cleaning, of the range that it names, whatever is mapped directly, through
 *	the one mapping that the heap's own device has of the buffer. So while a
 *	device may write, mmap views are trusted from the first session on: what
 *	anybody writes then, he writes in sessions. A new view ends that trust,
 *	until the next session, and a driver's vmap is never trusted.
 *  untouched_is_free: a buffer that no CPU touched since the last time costs
 *	nothing to map and unmap.
 *  bounced_is_a_copy: a mapping that bounces is a copy of the buffer, filled and
 *	emptied on its own. What is not known to be direct counts as bounced. Two
 *	copies that are both written cannot be made one again, so a bounced writer
 *	is the only writer among the devices, and CPU sessions beside it are one
 *	at a time: each fetches the copy.
 *
 * Locks: dma_buf.resv or mmap_lock, then heap_cached.lock. Nothing is taken
 * inside it.
 */

#include <linux/cleanup.h>
#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/export.h>

#include "heap_buffer.h"
#include "heap_cache.h"
#include "heap_mapping.h"

/**
 * heap_buffer_init_cached() - make a cached buffer of zeroed memory
 * @buffer:	with its memory in @buffer->base, which stays the caller's
 * @dev:	the heap's device, from heap_buffer_device_create()
 * @clean:	no line of it is dirty: the zeroes are in memory
 *
 * Context: any. The caller owes a heap_buffer_fini_cached() before it frees the memory.
 */
void heap_buffer_init_cached(struct heap_cached *buffer, struct device *dev, bool clean)
{
	buffer->dev = dev;
	buffer->dma = DMA_MAPPING_ERROR;
	mutex_init(&buffer->lock);
	INIT_LIST_HEAD(&buffer->mappings);
	buffer->views = 0;
	buffer->writers = 0;
	buffer->strays = 0;
	buffer->sessions = 0;
	buffer->cpu_newer = !clean;
	buffer->cpu_stale = false;
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_init_cached, "DMABUF_HEAPS_CONTIG");

/**
 * heap_buffer_fini_cached() - undo heap_buffer_init_cached()
 * @buffer:	with nothing mapped and no view left
 *
 * Context: process context.
 */
void heap_buffer_fini_cached(struct heap_cached *buffer)
{
	if (buffer->dma != DMA_MAPPING_ERROR)
		dma_unmap_phys(buffer->dev, buffer->dma, buffer->base.size,
			       DMA_BIDIRECTIONAL, HEAP_DMA_ATTRS);
	mutex_destroy(&buffer->lock);
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_fini_cached, "DMABUF_HEAPS_CONTIG");

/*
 * The heap's own mapping, which all maintenance goes through: from the first time
 * on that there may be any, as long as the buffer lives. Many buffers need none.
 */
int heap_cpu_access_map_self(struct heap_cached *buffer)
{
	if (buffer->dma != DMA_MAPPING_ERROR)
		return 0;
	buffer->dma = dma_map_phys(buffer->dev, buffer->base.phys, buffer->base.size,
				   DMA_BIDIRECTIONAL, HEAP_DMA_ATTRS);
	return dma_mapping_error(buffer->dev, buffer->dma);
}

/* A device that the CPU caches do not follow. */
bool heap_mapping_is_noncoherent(const struct heap_mapping *m)
{
	return !m->bounced && !dev_is_dma_coherent(m->dev);
}

bool heap_cpu_access_device_may_write(struct heap_cached *buffer)
{
	struct heap_mapping *m;

	if (buffer->cpu_stale)
		return true;
	list_for_each_entry(m, &buffer->mappings, node)
		if (m->writes && heap_mapping_is_noncoherent(m))
			return true;
	return false;
}

/* Whether somebody may be writing through the CPU caches just now. */
static bool heap_cpu_access_cpu_may_write(const struct heap_cached *buffer)
{
	return buffer->strays || (buffer->sessions && buffer->writers);
}

static bool heap_cpu_access_is_whole(const struct heap_cached *buffer, size_t len)
{
	return len == buffer->base.size;
}

static void heap_cpu_access_clean_range(struct heap_cached *buffer, size_t offset, size_t len)
{
	dma_sync_single_range_for_device(buffer->dev, buffer->dma, offset, len,
					 DMA_BIDIRECTIONAL);
	if (heap_cpu_access_is_whole(buffer, len))
		buffer->cpu_newer = false;
}

static void heap_cpu_access_invalidate_range(struct heap_cached *buffer, size_t offset, size_t len)
{
	dma_sync_single_range_for_cpu(buffer->dev, buffer->dma, offset, len,
				      DMA_FROM_DEVICE);
	if (heap_cpu_access_is_whole(buffer, len))
		buffer->cpu_stale = false;
}

/* device_sees_cpu, for a device that is about to be mapped. */
void heap_cpu_access_clean(struct heap_cached *buffer)
{
	if (!buffer->cpu_newer && !buffer->writers && !heap_cpu_access_cpu_may_write(buffer))
		return;
	heap_cpu_access_clean_range(buffer, 0, buffer->base.size);
	buffer->cpu_newer = buffer->writers;
}

/* cpu_sees_device, outside of sessions; if it has to wait, a session makes up for it. */
void heap_cpu_access_sync_for_cpu(struct heap_cached *buffer)
{
	if (!heap_cpu_access_device_may_write(buffer) || heap_cpu_access_cpu_may_write(buffer))
		return;
	heap_cpu_access_clean(buffer);
	heap_cpu_access_invalidate_range(buffer, 0, buffer->base.size);
}

/* Clean and invalidated now, for who was told the address and knows no sessions. */
int heap_cpu_access_flush(struct heap_cached *buffer)
{
	guard(mutex)(&buffer->lock);

	if (heap_cpu_access_map_self(buffer))
		return -ENOMEM;
	heap_cpu_access_clean(buffer);
	if (heap_cpu_access_cpu_may_write(buffer))
		buffer->cpu_stale = true;
	else
		heap_cpu_access_invalidate_range(buffer, 0, buffer->base.size);
	return 0;
}

/* One more that sees the buffer through the caches and heeds no session. */
void heap_cpu_access_unsync_get(struct heap_cached *buffer, bool writes)
{
	buffer->views++;
	buffer->strays += writes;
}

/* What it wrote is in the caches still. */
void heap_cpu_access_unsync_put(struct heap_cached *buffer, bool writes)
{
	buffer->views--;
	buffer->strays -= writes;
	buffer->cpu_newer |= writes;
}

/* The CPU copied the range out of a bounce buffer. */
void heap_cpu_access_copied_in(struct heap_cached *buffer, size_t offset, size_t len)
{
	if (heap_cpu_access_is_whole(buffer, len))
		buffer->cpu_stale = false;
	heap_cpu_access_clean_range(buffer, offset, len);
}

/**
 * heap_cpu_access_mmap_get() - user space gets a view of the buffer
 * @buffer:	the buffer
 * @writes:	the view can be written, now or later
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 */
void heap_cpu_access_mmap_get(struct heap_cached *buffer, bool writes)
{
	guard(mutex)(&buffer->lock);

	if (!buffer->views)
		heap_cpu_access_sync_for_cpu(buffer);
	buffer->views++;
	buffer->writers += writes;
	buffer->cpu_newer |= writes;
}

/**
 * heap_cpu_access_mmap_put() - undo heap_cpu_access_mmap_get()
 * @buffer:	the buffer; lines written through the view may still be in the
 *		cache
 * @writes:	as heap_cpu_access_mmap_get() was told
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 */
void heap_cpu_access_mmap_put(struct heap_cached *buffer, bool writes)
{
	guard(mutex)(&buffer->lock);

	buffer->views--;
	buffer->writers -= writes;
	buffer->cpu_newer |= writes;
	/* Programs die in the middle of a session. */
	if (!buffer->writers)
		buffer->sessions = 0;
}

/**
 * heap_cpu_access_vmap_get() - a driver gets a view of the buffer
 * @buffer:	the buffer
 *
 * Drivers write frame after frame into such a view and begin no session.
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 */
void heap_cpu_access_vmap_get(struct heap_cached *buffer)
{
	guard(mutex)(&buffer->lock);

	if (!buffer->views)
		heap_cpu_access_sync_for_cpu(buffer);
	heap_cpu_access_unsync_get(buffer, true);
}

/**
 * heap_cpu_access_vmap_put() - undo heap_cpu_access_vmap_get()
 * @buffer:	the buffer
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 */
void heap_cpu_access_vmap_put(struct heap_cached *buffer)
{
	guard(mutex)(&buffer->lock);

	heap_cpu_access_unsync_put(buffer, true);
}

/* Whole cache lines: the range is widened to them. Page sizes are multiples. */
static void heap_cpu_access_round_to_lines(size_t *offset, size_t *len)
{
	size_t line = dma_get_cache_alignment();
	size_t end = ALIGN(*offset + *len, line);

	*offset = ALIGN_DOWN(*offset, line);
	*len = end - *offset;
}

/* cpu_sees_device, nothing_is_lost and one_pass, when a session begins. */
static void heap_cpu_access_begin_read(struct heap_cached *buffer, size_t offset, size_t len,
			     bool may_write)
{
	/* All that was written before there was trust, once. */
	if (may_write && buffer->cpu_newer)
		heap_cpu_access_clean_range(buffer, 0, buffer->base.size);
	else if (buffer->cpu_newer || (buffer->writers && !may_write) ||
		 heap_cpu_access_cpu_may_write(buffer))
		heap_cpu_access_clean_range(buffer, offset, len);
	if (may_write || !heap_cpu_access_cpu_may_write(buffer))
		heap_cpu_access_invalidate_range(buffer, offset, len);
}

/**
 * heap_cpu_access_begin_range() - a CPU session with a part of a buffer begins
 * @dmabuf:	the buffer
 * @dir:	DMA_TO_DEVICE when the CPU will only write
 * @offset:	where the part begins, in bytes
 * @len:	its length in bytes, at least 1; it ends within the buffer
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 * Return: 0; -ERESTARTSYS when a signal came while devices were at work; -ENOMEM
 * when the heap's device cannot map the buffer.
 */
int heap_cpu_access_begin_range(struct dma_buf *dmabuf, enum dma_data_direction dir,
			   size_t offset, size_t len)
{
	struct heap_cached *buffer = heap_cached(dmabuf->priv);
	struct heap_mapping *m;
	bool may_write;
	long ret;

	/* The core waits as well, but only after this. */
	ret = dma_resv_wait_timeout(dmabuf->resv,
				    dma_resv_usage_rw(dir != DMA_FROM_DEVICE),
				    true, MAX_SCHEDULE_TIMEOUT);
	if (ret < 0)
		return ret;

	heap_cpu_access_round_to_lines(&offset, &len);
	guard(mutex)(&buffer->lock);

	if (heap_cpu_access_map_self(buffer))
		return -ENOMEM;
	may_write = heap_cpu_access_device_may_write(buffer);
	if (dir != DMA_TO_DEVICE || may_write)
		heap_cpu_access_begin_read(buffer, offset, len, may_write);
	list_for_each_entry(m, &buffer->mappings, node) {
		/* All of the range goes back at the end, so all is fetched now. */
		if (m->bounced && m->writes) {
			heap_mapping_sync_for_cpu(m, offset, len);
			heap_cpu_access_copied_in(buffer, offset, len);
		}
	}
	if (dir != DMA_FROM_DEVICE)
		buffer->sessions++;
	return 0;
}

/* The copies of devices that bounce are made by the CPU, of what others wrote too. */
static void heap_cpu_access_copy_out(struct heap_cached *buffer, size_t offset, size_t len)
{
	bool invalidated = false;
	struct heap_mapping *m;

	list_for_each_entry(m, &buffer->mappings, node) {
		if (!m->bounced)
			continue;
		if (!invalidated && heap_cpu_access_device_may_write(buffer) &&
		    !heap_cpu_access_cpu_may_write(buffer))
			heap_cpu_access_invalidate_range(buffer, offset, len);
		invalidated = true;
		heap_mapping_sync_for_device(m, offset, len);
	}
}

/**
 * heap_cpu_access_end_range() - a CPU session with a part of a buffer ends
 * @dmabuf:	the buffer
 * @dir:	DMA_FROM_DEVICE when the CPU only read
 * @offset:	as it was begun with
 * @len:	as it was begun with
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 * Return: 0, or -ENOMEM when the heap's device cannot map the buffer.
 */
int heap_cpu_access_end_range(struct dma_buf *dmabuf, enum dma_data_direction dir,
			 size_t offset, size_t len)
{
	struct heap_cached *buffer = heap_cached(dmabuf->priv);

	if (dir == DMA_FROM_DEVICE)
		return 0;
	heap_cpu_access_round_to_lines(&offset, &len);
	guard(mutex)(&buffer->lock);

	if (heap_cpu_access_map_self(buffer))
		return -ENOMEM;
	/* Programs end what they never began. */
	if (buffer->sessions)
		buffer->sessions--;
	heap_cpu_access_clean_range(buffer, offset, len);
	heap_cpu_access_copy_out(buffer, offset, len);
	return 0;
}

/**
 * heap_cpu_access_begin() - &dma_buf_ops.begin_cpu_access, cached
 * @dmabuf:	the buffer
 * @dir:	DMA_TO_DEVICE when the CPU will only write
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 * Return: 0; -ERESTARTSYS when a signal came while devices were at work; -ENOMEM
 * when the heap's device cannot map the buffer.
 */
int heap_cpu_access_begin(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	return heap_cpu_access_begin_range(dmabuf, dir, 0, dmabuf->size);
}
EXPORT_SYMBOL_NS_GPL(heap_cpu_access_begin, "DMABUF_HEAPS_CONTIG");

/**
 * heap_cpu_access_end() - &dma_buf_ops.end_cpu_access, cached
 * @dmabuf:	the buffer
 * @dir:	DMA_FROM_DEVICE when the CPU only read
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 * Return: 0, or -ENOMEM when the heap's device cannot map the buffer.
 */
int heap_cpu_access_end(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	return heap_cpu_access_end_range(dmabuf, dir, 0, dmabuf->size);
}
EXPORT_SYMBOL_NS_GPL(heap_cpu_access_end, "DMABUF_HEAPS_CONTIG");
