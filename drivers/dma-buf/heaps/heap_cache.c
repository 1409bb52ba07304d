// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who owns a cached buffer's cache lines, and what a CPU session does.
 *
 * Cache invariants. A "device" reads memory past the CPU caches; one that is
 * coherent does not, and counts as a CPU view.
 *
 *  1. A line that only the CPU has is in memory before a device is mapped.
 *     A buffer is born with such lines (it was zeroed), every writable view may
 *     make more of them at any time, and a copy out of a bounce buffer too.
 *  2. A device that may have written is followed by an invalidation before the
 *     CPU may read, or write a part of a line: at the next session, the next
 *     view, or, when there are views already, when the device is unmapped.
 *  3. An invalidation throws nothing away: where the CPU may have newer lines,
 *     they are cleaned first. An eviction could write the same at any time.
 *  4. All of that goes through the one mapping that the heap's own device has
 *     of the buffer: the same cost with any number of attachments and with none.
 *  5. A mapping that bounces is a copy of the whole buffer, filled and emptied
 *     on its own. What is not known to be direct counts as bounced. Two copies
 *     that are both written cannot be made one again, so a bounced writer is
 *     the only writer among the devices.
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
 * heap_cache_init() - make a cached buffer of zeroed memory
 * @buffer:	with its memory in @buffer->base, which stays the caller's
 * @dev:	the heap's device, from heap_device_create()
 *
 * Context: process context, may sleep.
 * Return: 0, or -ENOMEM when @dev cannot map the memory. On success the caller
 * owes a heap_cache_fini() before it frees the memory.
 */
int heap_cache_init(struct heap_cached *buffer, struct device *dev)
{
	buffer->dma = dma_map_phys(dev, buffer->base.phys, buffer->base.size,
				   DMA_BIDIRECTIONAL, HEAP_DMA_ATTRS);
	if (dma_mapping_error(dev, buffer->dma))
		return -ENOMEM;

	buffer->dev = dev;
	mutex_init(&buffer->lock);
	INIT_LIST_HEAD(&buffer->mappings);
	buffer->views = 0;
	buffer->writers = 0;
	buffer->cpu_newer = true;
	buffer->cpu_stale = false;
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_cache_init, "DMABUF_HEAP_LIB");

/**
 * heap_cache_fini() - undo heap_cache_init()
 * @buffer:	with nothing mapped and no view left
 *
 * Context: process context.
 */
void heap_cache_fini(struct heap_cached *buffer)
{
	dma_unmap_phys(buffer->dev, buffer->dma, buffer->base.size,
		       DMA_BIDIRECTIONAL, HEAP_DMA_ATTRS);
	mutex_destroy(&buffer->lock);
}
EXPORT_SYMBOL_NS_GPL(heap_cache_fini, "DMABUF_HEAP_LIB");

/* A device that the CPU caches do not follow. */
bool heap_cache_passes_by(const struct heap_mapping *m)
{
	return !m->bounced && !dev_is_dma_coherent(m->dev);
}

bool heap_cache_device_may_write(struct heap_cached *buffer)
{
	struct heap_mapping *m;

	if (buffer->cpu_stale)
		return true;
	list_for_each_entry(m, &buffer->mappings, node)
		if (m->writes && heap_cache_passes_by(m))
			return true;
	return false;
}

/* Invariant 1: memory has what the CPU wrote. */
void heap_cache_clean(struct heap_cached *buffer)
{
	dma_sync_single_for_device(buffer->dev, buffer->dma, buffer->base.size,
				   DMA_BIDIRECTIONAL);
	buffer->cpu_newer = buffer->writers > 0;
}

/* Invariants 2 and 3: the CPU reads what a device wrote, and keeps its own. */
void heap_cache_invalidate(struct heap_cached *buffer)
{
	if (buffer->cpu_newer)
		heap_cache_clean(buffer);
	dma_sync_single_for_cpu(buffer->dev, buffer->dma, buffer->base.size,
				DMA_FROM_DEVICE);
	buffer->cpu_stale = false;
}

void heap_cache_enter(struct heap_cached *buffer, bool writes)
{
	buffer->views++;
	if (writes) {
		buffer->writers++;
		buffer->cpu_newer = true;
	}
}

void heap_cache_leave(struct heap_cached *buffer, bool writes)
{
	buffer->views--;
	if (writes)
		buffer->writers--;
}

/* The CPU copied all of the buffer out of a bounce buffer. */
void heap_cache_copied_in(struct heap_cached *buffer)
{
	buffer->cpu_stale = false;
	heap_cache_clean(buffer);
}

/**
 * heap_cache_view_get() - a CPU view of the buffer comes to be
 * @buffer:	the buffer
 * @writes:	the view can be written, now or later
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 */
void heap_cache_view_get(struct heap_cached *buffer, bool writes)
{
	guard(mutex)(&buffer->lock);

	if (!buffer->views && heap_cache_device_may_write(buffer))
		heap_cache_invalidate(buffer);
	heap_cache_enter(buffer, writes);
}

/**
 * heap_cache_view_put() - undo heap_cache_view_get()
 * @buffer:	the buffer; lines written through the view may still be in the
 *		cache
 * @writes:	as heap_cache_view_get() was told
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 */
void heap_cache_view_put(struct heap_cached *buffer, bool writes)
{
	guard(mutex)(&buffer->lock);

	heap_cache_leave(buffer, writes);
}

/**
 * heap_cache_begin() - &dma_buf_ops.begin_cpu_access, cached
 * @dmabuf:	the buffer
 * @dir:	DMA_TO_DEVICE when the CPU will only write
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 * Return: 0, or -ERESTARTSYS when a signal came while devices were at work.
 */
int heap_cache_begin(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct heap_cached *buffer = heap_cached(dmabuf->priv);
	struct heap_mapping *m;
	long ret;

	/* The core waits as well, but only after this. */
	ret = dma_resv_wait_timeout(dmabuf->resv,
				    dma_resv_usage_rw(dir != DMA_FROM_DEVICE),
				    true, MAX_SCHEDULE_TIMEOUT);
	if (ret < 0)
		return ret;

	guard(mutex)(&buffer->lock);

	/* With no device known, one that was told the address may have written. */
	if (dir != DMA_TO_DEVICE || heap_cache_device_may_write(buffer))
		heap_cache_invalidate(buffer);
	list_for_each_entry(m, &buffer->mappings, node) {
		/* All of it goes back at the end, so all of it is fetched now. */
		if (m->bounced && m->writes) {
			dma_sync_sgtable_for_cpu(m->dev, &m->table, m->dir);
			heap_cache_copied_in(buffer);
		}
	}
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_cache_begin, "DMABUF_HEAP_LIB");

/**
 * heap_cache_end() - &dma_buf_ops.end_cpu_access, cached
 * @dmabuf:	the buffer
 * @dir:	DMA_FROM_DEVICE when the CPU only read
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 * Return: 0.
 */
int heap_cache_end(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct heap_cached *buffer = heap_cached(dmabuf->priv);
	struct heap_mapping *m;

	guard(mutex)(&buffer->lock);

	if (dir == DMA_FROM_DEVICE)
		return 0;
	heap_cache_clean(buffer);
	list_for_each_entry(m, &buffer->mappings, node) {
		if (!m->bounced)
			continue;
		/* The copy is made by the CPU, of what other devices wrote too. */
		if (heap_cache_device_may_write(buffer))
			heap_cache_invalidate(buffer);
		dma_sync_sgtable_for_device(m->dev, &m->table, m->dir);
	}
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_cache_end, "DMABUF_HEAP_LIB");
