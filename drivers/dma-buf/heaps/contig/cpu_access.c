// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ownership of the cache lines of a cached buffer, and CPU accesses to it.
 *
 * Cache invariants, each with a test of its name. A "device" bypasses the CPU
 * caches; a coherent one does not, and counts as a CPU mapping.
 *
 *  device_sees_cpu: dirty lines are cleaned before a device is mapped, and when a
 *	CPU access that wrote ends. A buffer that was just zeroed has dirty lines,
 *	every writable mmap area may dirty more at any time, and so does the copy
 *	out of a bounce buffer.
 *  cpu_sees_device: after a device may have written, lines are invalidated before
 *	the CPU may read them, or write a part of one: at the next CPU access, at
 *	the next CPU mapping or, if there are CPU mappings already, when the device
 *	is unmapped. A CPU access that reads with no device mapped invalidates too,
 *	because a device may have been programmed with the physical address.
 *  nothing_is_lost: an invalidation discards nothing that the CPU wrote: lines
 *	that may be dirty are cleaned first. A store between the two would be
 *	lost, so while the CPU may be writing, invalidations that can wait are
 *	deferred until the writer goes or to the next CPU access, and none is made for
 *	unknown devices. A CPU mapping that is made meanwhile, beside a driver's
 *	vmap, may read old lines until then. CPU accesses beside one
 *	that writes must not share a cache line with it.
 *  one_operation: a CPU access that reads is one invalidation and one that writes
 *	is one cleaning of the range that it names, through the one mapping of the
 *	heap's sync device, for any number of directly mapped devices. So while a
 *	device may write, mmap areas are trusted from the first CPU access on to
 *	be written in CPU accesses only. A new mmap area ends that trust until the
 *	next CPU access, and a driver's vmap is never trusted.
 *  untouched_is_free: mapping and unmapping a buffer that no CPU has accessed
 *	since the last time needs no maintenance.
 *  bounced_is_a_copy: a bounced mapping is a copy of the buffer, filled and
 *	copied back on its own. A mapping counts as bounced unless it is known to
 *	be direct. Two copies that were both written cannot be merged, so a bounced
 *	writer is the only writing device, and CPU accesses beside it are one at a
 *	time: each copies the bounce buffer back.
 *
 * Locks: dma_buf.resv or mmap_lock, then heap_cached.lock. No lock is taken inside it.
 */

#include <kunit/visibility.h>
#include <linux/align.h>
#include <linux/cleanup.h>
#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/scatterlist.h>

#include "contig_priv.h"

/* Copies a range between the buffer and the bounce copy of the device. */
static void heap_cpu_access_bounce(struct heap_mapping *m, size_t offset, size_t len,
				   void (*sync)(struct device *dev, dma_addr_t addr,
						size_t size, enum dma_data_direction dir))
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(&m->table, sg, i) {
		size_t here = sg_dma_len(sg);

		if (offset < here) {
			size_t part = min(len, here - offset);

			sync(m->dev, sg_dma_address(sg) + offset, part, m->dir);
			len -= part;
			offset = 0;
		} else {
			offset -= here;
		}
		if (!len)
			return;
	}
}

static void heap_cpu_access_bounce_in(struct heap_mapping *m, size_t offset, size_t len)
{
	heap_cpu_access_bounce(m, offset, len, dma_sync_single_for_cpu);
}

void heap_cpu_access_bounce_out(struct heap_mapping *m, size_t offset, size_t len)
{
	heap_cpu_access_bounce(m, offset, len, dma_sync_single_for_device);
}

/* Maps the buffer for the heap's sync device, once; many buffers never need it. */
int heap_cpu_access_map_self(struct heap_cached *buffer)
{
	lockdep_assert_held(&buffer->lock);

	if (buffer->dma != DMA_MAPPING_ERROR)
		return 0;
	buffer->dma = dma_map_phys(buffer->dev, buffer->base.phys, buffer->base.size,
				   DMA_BIDIRECTIONAL, HEAP_DMA_ATTRS);
	return dma_mapping_error(buffer->dev, buffer->dma);
}

/* A non-coherent device may have written, or has a mapping that it may write. */
static bool heap_cpu_access_device_may_write(struct heap_cached *buffer)
{
	struct heap_mapping *m;

	lockdep_assert_held(&buffer->lock);

	if (buffer->needs_invalidate)
		return true;
	list_for_each_entry(m, &buffer->mappings, node)
		if (m->writes && heap_mapping_is_noncoherent(m))
			return true;
	return false;
}

/* Stores through the CPU caches may be under way at this moment. */
static bool heap_cpu_access_cpu_may_write(const struct heap_cached *buffer)
{
	return buffer->unsync_writers || (buffer->write_accesses && buffer->mmap_writers);
}

static bool heap_cpu_access_is_whole(const struct heap_cached *buffer, size_t len)
{
	return len == buffer->base.size;
}

static void heap_cpu_access_clean_range(struct heap_cached *buffer, size_t offset, size_t len)
{
	lockdep_assert_held(&buffer->lock);

	dma_sync_single_range_for_device(buffer->dev, buffer->dma, offset, len,
					 DMA_BIDIRECTIONAL);
	if (heap_cpu_access_is_whole(buffer, len))
		buffer->dirty = false;
}

static void heap_cpu_access_invalidate_range(struct heap_cached *buffer, size_t offset,
					     size_t len)
{
	lockdep_assert_held(&buffer->lock);

	dma_sync_single_range_for_cpu(buffer->dev, buffer->dma, offset, len,
				      DMA_FROM_DEVICE);
	if (heap_cpu_access_is_whole(buffer, len))
		buffer->needs_invalidate = false;
}

/* device_sees_cpu, for a device that is about to be mapped */
void heap_cpu_access_clean(struct heap_cached *buffer)
{
	lockdep_assert_held(&buffer->lock);

	if (!buffer->dirty && !buffer->mmap_writers && !heap_cpu_access_cpu_may_write(buffer))
		return;
	heap_cpu_access_clean_range(buffer, 0, buffer->base.size);
	buffer->dirty = buffer->mmap_writers;
}

/* cpu_sees_device, outside of CPU accesses; if deferred, the next CPU access does it */
void heap_cpu_access_sync_for_cpu(struct heap_cached *buffer)
{
	lockdep_assert_held(&buffer->lock);

	if (!heap_cpu_access_device_may_write(buffer) || heap_cpu_access_cpu_may_write(buffer))
		return;
	heap_cpu_access_clean(buffer);
	heap_cpu_access_invalidate_range(buffer, 0, buffer->base.size);
}

/* Cleans and invalidates for a caller that uses the address and makes no CPU accesses. */
int heap_cpu_access_flush(struct heap_cached *buffer)
{
	guard(mutex)(&buffer->lock);

	if (heap_cpu_access_map_self(buffer))
		return -ENOMEM;
	heap_cpu_access_clean(buffer);
	if (heap_cpu_access_cpu_may_write(buffer))
		buffer->needs_invalidate = true;
	else
		heap_cpu_access_invalidate_range(buffer, 0, buffer->base.size);
	return 0;
}

/*
 * cpu_sees_device for existing CPU mappings: when a device is unmapped, and when the last
 * writer goes that deferred the invalidation. After a CPU access, the next one makes up for
 * it.
 */
void heap_cpu_access_sync_mappings(struct heap_cached *buffer)
{
	lockdep_assert_held(&buffer->lock);

	if (buffer->needs_invalidate && buffer->cpu_mappings)
		heap_cpu_access_sync_for_cpu(buffer);
}

/* Adds an unsynchronized CPU mapping. */
void heap_cpu_access_unsync_get(struct heap_cached *buffer, bool writes)
{
	lockdep_assert_held(&buffer->lock);

	buffer->cpu_mappings++;
	buffer->unsync_writers += writes;
}

/* Removes one; the lines that it wrote are still dirty. */
void heap_cpu_access_unsync_put(struct heap_cached *buffer, bool writes)
{
	lockdep_assert_held(&buffer->lock);

	buffer->cpu_mappings--;
	buffer->unsync_writers -= writes;
	buffer->dirty |= writes;
	heap_cpu_access_sync_mappings(buffer);
}

/* The CPU has copied the range out of a bounce buffer. */
void heap_cpu_access_copied_in(struct heap_cached *buffer, size_t offset, size_t len)
{
	lockdep_assert_held(&buffer->lock);

	if (heap_cpu_access_is_whole(buffer, len))
		buffer->needs_invalidate = false;
	heap_cpu_access_clean_range(buffer, offset, len);
}

/**
 * heap_cpu_access_mmap_get() - user space gets an mmap area of the buffer
 * @buffer:	the buffer
 * @writes:	the area is writable, or can be made so by mprotect()
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 */
void heap_cpu_access_mmap_get(struct heap_cached *buffer, bool writes)
{
	guard(mutex)(&buffer->lock);

	if (!buffer->cpu_mappings)
		heap_cpu_access_sync_for_cpu(buffer);
	buffer->cpu_mappings++;
	buffer->mmap_writers += writes;
	buffer->dirty |= writes;
}
EXPORT_SYMBOL_IF_KUNIT(heap_cpu_access_mmap_get);

/**
 * heap_cpu_access_mmap_put() - undo heap_cpu_access_mmap_get()
 * @buffer:	the buffer; lines that were written through the area may still be dirty
 * @writes:	as passed to heap_cpu_access_mmap_get()
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 */
void heap_cpu_access_mmap_put(struct heap_cached *buffer, bool writes)
{
	guard(mutex)(&buffer->lock);

	buffer->cpu_mappings--;
	buffer->mmap_writers -= writes;
	buffer->dirty |= writes;
	/* Processes are killed between the begin and the end of a CPU access. */
	if (!buffer->mmap_writers)
		buffer->write_accesses = 0;
	heap_cpu_access_sync_mappings(buffer);
}
EXPORT_SYMBOL_IF_KUNIT(heap_cpu_access_mmap_put);

/**
 * heap_cpu_access_vmap_get() - a driver gets a vmap of the buffer
 * @buffer:	the buffer
 *
 * Drivers write frame after frame through a vmap without CPU accesses.
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 */
void heap_cpu_access_vmap_get(struct heap_cached *buffer)
{
	guard(mutex)(&buffer->lock);

	if (!buffer->cpu_mappings)
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

/* Widens the range to whole cache lines, whose size divides the page size. */
static void heap_cpu_access_round_to_lines(size_t *offset, size_t *len)
{
	size_t line = dma_get_cache_alignment();
	size_t end = ALIGN(*offset + *len, line);

	*offset = ALIGN_DOWN(*offset, line);
	*len = end - *offset;
}

/* cpu_sees_device, nothing_is_lost and one_operation, when a CPU access begins */
static void heap_cpu_access_begin_read(struct heap_cached *buffer, size_t offset, size_t len,
				       bool device_may_write)
{
	/* Stores from before mmap areas were trusted are cleaned once, all of them. */
	if (device_may_write && buffer->dirty)
		heap_cpu_access_clean_range(buffer, 0, buffer->base.size);
	else if (buffer->dirty || (buffer->mmap_writers && !device_may_write) ||
		 heap_cpu_access_cpu_may_write(buffer))
		heap_cpu_access_clean_range(buffer, offset, len);
	if (device_may_write || !heap_cpu_access_cpu_may_write(buffer))
		heap_cpu_access_invalidate_range(buffer, offset, len);
}

/**
 * heap_cpu_access_begin_range() - begin a CPU access to a part of a buffer
 * @dmabuf:	a cached buffer
 * @dir:	DMA_TO_DEVICE when the CPU will only write
 * @offset:	begin of the part, in bytes
 * @len:	its length in bytes, at least 1; the part ends within the buffer
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 * Return: 0; -ERESTARTSYS when a signal interrupted the wait for the fences of devices;
 * -ENOMEM when the heap's sync device cannot map the buffer.
 */
int heap_cpu_access_begin_range(struct dma_buf *dmabuf, enum dma_data_direction dir,
				size_t offset, size_t len)
{
	struct heap_cached *buffer = heap_cached(dmabuf->priv);
	struct heap_mapping *m;
	bool device_may_write;
	long ret;

	/* The core waits for the fences too, but only after this callback. */
	ret = dma_resv_wait_timeout(dmabuf->resv,
				    dma_resv_usage_rw(dir != DMA_FROM_DEVICE),
				    true, MAX_SCHEDULE_TIMEOUT);
	if (ret < 0)
		return ret;

	heap_cpu_access_round_to_lines(&offset, &len);
	guard(mutex)(&buffer->lock);

	if (heap_cpu_access_map_self(buffer))
		return -ENOMEM;
	device_may_write = heap_cpu_access_device_may_write(buffer);
	if (dir != DMA_TO_DEVICE || device_may_write)
		heap_cpu_access_begin_read(buffer, offset, len, device_may_write);
	list_for_each_entry(m, &buffer->mappings, node) {
		/* The end copies all of the range out, so all of it is copied in. */
		if (m->bounced && m->writes) {
			heap_cpu_access_bounce_in(m, offset, len);
			heap_cpu_access_copied_in(buffer, offset, len);
		}
	}
	if (dir != DMA_FROM_DEVICE)
		buffer->write_accesses++;
	return 0;
}

/* Updates the bounce copies, also with data that other devices wrote. */
static void heap_cpu_access_copy_out(struct heap_cached *buffer, size_t offset, size_t len)
{
	bool invalidated = false;
	struct heap_mapping *m;

	lockdep_assert_held(&buffer->lock);

	list_for_each_entry(m, &buffer->mappings, node) {
		if (!m->bounced)
			continue;
		if (!invalidated && heap_cpu_access_device_may_write(buffer) &&
		    !heap_cpu_access_cpu_may_write(buffer))
			heap_cpu_access_invalidate_range(buffer, offset, len);
		invalidated = true;
		heap_cpu_access_bounce_out(m, offset, len);
	}
}

/**
 * heap_cpu_access_end_range() - end a CPU access to a part of a buffer
 * @dmabuf:	a cached buffer
 * @dir:	DMA_FROM_DEVICE when the CPU only read
 * @offset:	as passed to heap_cpu_access_begin_range()
 * @len:	likewise
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 * Return: 0, or -ENOMEM when the heap's sync device cannot map the buffer.
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
	/* Programs end CPU accesses that they did not begin. */
	if (buffer->write_accesses)
		buffer->write_accesses--;
	heap_cpu_access_clean_range(buffer, offset, len);
	heap_cpu_access_copy_out(buffer, offset, len);
	return 0;
}

/**
 * heap_cpu_access_begin() - &dma_buf_ops.begin_cpu_access of cached buffers
 * @dmabuf:	the buffer
 * @dir:	DMA_TO_DEVICE when the CPU will only write
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 * Return: as heap_cpu_access_begin_range().
 */
int heap_cpu_access_begin(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	return heap_cpu_access_begin_range(dmabuf, dir, 0, dmabuf->size);
}
EXPORT_SYMBOL_NS_GPL(heap_cpu_access_begin, "DMABUF_HEAPS_CONTIG");

/**
 * heap_cpu_access_end() - &dma_buf_ops.end_cpu_access of cached buffers
 * @dmabuf:	the buffer
 * @dir:	DMA_FROM_DEVICE when the CPU only read
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 * Return: as heap_cpu_access_end_range().
 */
int heap_cpu_access_end(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	return heap_cpu_access_end_range(dmabuf, dir, 0, dmabuf->size);
}
EXPORT_SYMBOL_NS_GPL(heap_cpu_access_end, "DMABUF_HEAPS_CONTIG");

/**
 * heap_cpu_access_end_uncached() - &dma_buf_ops.end_cpu_access of uncached buffers
 * @dmabuf:	the buffer
 * @dir:	DMA_FROM_DEVICE when the CPU only read
 *
 * Drains this CPU's write buffers, because devices may be started by code that knows
 * nothing of the buffer.
 *
 * Context: any.
 * Return: 0.
 */
int heap_cpu_access_end_uncached(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	wmb(); /* orders stores before the start of a device elsewhere */
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_cpu_access_end_uncached, "DMABUF_HEAPS_CONTIG");
