// SPDX-License-Identifier: GPL-2.0-only
/*
 * The buffer object: its memory, its life, and who owns its cache lines.
 *
 * Ownership: the heap driver owns the pages, allocates &struct heap_buffer and
 * frees both in its .release. Everything a callback here sets up is undone by
 * its counterpart here.
 *
 * Cache invariants. "Device" is anything that reads memory past the CPU caches:
 *
 *  1. A line that only the CPU has is in memory before a device is mapped.
 *     A buffer is born with such lines (it was zeroed), every writable CPU view
 *     may make more of them at any time, and a copy out of a bounce buffer too.
 *  2. A device that may have written is followed by an invalidation before the
 *     CPU may read: at the next session, the next CPU view, or, when there are
 *     views already, when the device is unmapped.
 *  3. An invalidation never throws away a line that the kernel itself made
 *     newer: with no device that may have written, lines are cleaned first.
 *  4. All of that goes through the one mapping that the heap's own device has
 *     of the buffer: one pass, with any number of attachments and with none.
 *  5. A mapping that bounces is a copy. It is filled and emptied on its own,
 *     and what is not known to be direct counts as bounced.
 *
 * Locks: dma_buf.resv or mmap_lock, then heap_buffer.lock. Nothing is taken
 * inside it.
 */

#include <linux/cleanup.h>
#include <linux/device/faux.h>
#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/iommu-dma.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "heap_buffer.h"

/* What one scatterlist entry holds at most: its length has 32 bits. */
#define HEAP_SG_MAX	((unsigned int)ALIGN_DOWN(UINT_MAX, SZ_2M))

/* How much is zeroed between two looks at signals and the scheduler. */
#define HEAP_ZERO_CHUNK	SZ_2M

/* Mappings of one buffer overlap, and it is we who look after its lines. */
#define HEAP_DMA_ATTRS	(DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_NO_WARN | \
			 DMA_ATTR_DEBUGGING_IGNORE_CACHELINES)

/**
 * struct heap_mapping - a buffer as one importer sees it, from map to unmap
 * @table:	what the importer gets
 * @node:	in heap_buffer.mappings
 * @dev:	the importer's device
 * @dir:	as it was mapped
 * @bounced:	the device works on a copy
 */
struct heap_mapping {
	struct sg_table table;
	struct list_head node;
	struct device *dev;
	enum dma_data_direction dir;
	bool bounced;
};

/**
 * heap_device_create() - make the device that owns a heap's DMA mappings
 * @name:	the heap's name, unique
 *
 * The device is not coherent wherever the architecture's default is not, so
 * that syncing through it maintains the CPU caches, and it reaches all memory.
 *
 * Context: process context.
 * Return: the device, or NULL. The caller destroys it with
 * heap_device_destroy().
 */
struct device *heap_device_create(const char *name)
{
	struct faux_device *fdev = faux_device_create(name, NULL, NULL);

	if (!fdev)
		return NULL;
#ifdef CONFIG_SWIOTLB
	/* swiotlb=force would bounce the mapping that is there to be synced. */
	fdev->dev.dma_io_tlb_mem = NULL;
#endif
	if (dma_coerce_mask_and_coherent(&fdev->dev, DMA_BIT_MASK(64))) {
		faux_device_destroy(fdev);
		return NULL;
	}
	return &fdev->dev;
}
EXPORT_SYMBOL_NS_GPL(heap_device_create, "DMABUF_HEAP_LIB");

/**
 * heap_device_destroy() - undo heap_device_create()
 * @dev:	the device, with no buffer left
 */
void heap_device_destroy(struct device *dev)
{
	faux_device_destroy(to_faux_device(dev));
}
EXPORT_SYMBOL_NS_GPL(heap_device_destroy, "DMABUF_HEAP_LIB");

/**
 * heap_buffer_zero() - zero memory that user space will get
 * @pages:	first page
 * @size:	bytes, a multiple of PAGE_SIZE
 *
 * Context: process context, may sleep; long for large sizes.
 * Return: 0, or -EINTR when a fatal signal arrived.
 */
int heap_buffer_zero(struct page *pages, size_t size)
{
	unsigned long pfn = page_to_pfn(pages);
	size_t done, chunk, offset;

	for (done = 0; done < size; done += chunk) {
		if (fatal_signal_pending(current))
			return -EINTR;
		chunk = min_t(size_t, size - done, HEAP_ZERO_CHUNK);
		if (PageHighMem(pages)) {
			for (offset = 0; offset < chunk; offset += PAGE_SIZE)
				clear_highpage(pfn_to_page(pfn + PFN_DOWN(done + offset)));
		} else {
			memset(page_address(pages) + done, 0, chunk);
		}
		cond_resched();
	}
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_zero, "DMABUF_HEAP_LIB");

/**
 * heap_buffer_init() - make a buffer of zeroed memory
 * @buffer:	to be filled in
 * @dev:	the heap's device, from heap_device_create()
 * @pages:	first page of the extent; stays the caller's
 * @size:	bytes, a multiple of PAGE_SIZE
 *
 * Context: process context, may sleep.
 * Return: 0, or -ENOMEM when @dev cannot map the memory. On success the caller
 * owes a heap_buffer_fini() before it frees @pages.
 */
int heap_buffer_init(struct heap_buffer *buffer, struct device *dev,
		     struct page *pages, size_t size)
{
	buffer->dma = dma_map_phys(dev, page_to_phys(pages), size,
				   DMA_BIDIRECTIONAL, HEAP_DMA_ATTRS);
	if (dma_mapping_error(dev, buffer->dma))
		return -ENOMEM;

	buffer->dev = dev;
	buffer->pages = pages;
	buffer->size = size;
	mutex_init(&buffer->lock);
	INIT_LIST_HEAD(&buffer->mappings);
	buffer->views = 0;
	buffer->cpu_newer = true;
	buffer->cpu_stale = false;
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_init, "DMABUF_HEAP_LIB");

/**
 * heap_buffer_fini() - undo heap_buffer_init()
 * @buffer:	with nothing mapped and no view left
 */
void heap_buffer_fini(struct heap_buffer *buffer)
{
	dma_unmap_phys(buffer->dev, buffer->dma, buffer->size,
		       DMA_BIDIRECTIONAL, HEAP_DMA_ATTRS);
	mutex_destroy(&buffer->lock);
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_fini, "DMABUF_HEAP_LIB");

/**
 * heap_buffer_export() - wrap a buffer into a dma-buf
 * @buffer:	initialised
 * @ops:	the heap's table, whose .release frees @buffer and its memory
 * @owner:	the module that @ops is in
 * @exp_name:	the heap's name
 * @fd_flags:	access mode that user space asked for
 *
 * The last step of an allocation that can fail.
 *
 * Context: process context, may sleep.
 * Return: the dma-buf, which owns @buffer from now on, or an error pointer, and
 * @buffer is still the caller's.
 */
struct dma_buf *heap_buffer_export(struct heap_buffer *buffer,
				   const struct dma_buf_ops *ops,
				   struct module *owner, const char *exp_name,
				   u32 fd_flags)
{
	struct dma_buf_export_info info = {
		.exp_name = exp_name,
		.owner = owner,
		.ops = ops,
		.size = buffer->size,
		.flags = fd_flags,
		.priv = buffer,
	};

	return dma_buf_export(&info);
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_export, "DMABUF_HEAP_LIB");

static bool heap_buffer_device_may_write(struct heap_buffer *buffer)
{
	struct heap_mapping *m;

	if (buffer->cpu_stale)
		return true;
	list_for_each_entry(m, &buffer->mappings, node)
		if (!m->bounced && m->dir != DMA_TO_DEVICE)
			return true;
	return false;
}

/* Invariant 1: memory has what the CPU wrote. */
static void heap_buffer_clean(struct heap_buffer *buffer)
{
	dma_sync_single_for_device(buffer->dev, buffer->dma, buffer->size,
				   DMA_BIDIRECTIONAL);
	buffer->cpu_newer = buffer->views > 0;
}

/* Invariant 2: the CPU reads what a device wrote. */
static void heap_buffer_invalidate(struct heap_buffer *buffer)
{
	dma_sync_single_for_cpu(buffer->dev, buffer->dma, buffer->size,
				DMA_FROM_DEVICE);
	buffer->cpu_stale = false;
}

/* After the CPU copied out of a bounce buffer: a device that is mapped sees it. */
static void heap_buffer_copied_in(struct heap_buffer *buffer)
{
	struct heap_mapping *m;

	buffer->cpu_newer = true;
	list_for_each_entry(m, &buffer->mappings, node) {
		if (!m->bounced) {
			heap_buffer_clean(buffer);
			return;
		}
	}
}

/* A device that was mapped has written, and is gone. */
static void heap_buffer_written(struct heap_buffer *buffer, bool bounced)
{
	if (bounced)
		heap_buffer_copied_in(buffer);
	else if (buffer->views)
		heap_buffer_invalidate(buffer);
	else
		buffer->cpu_stale = true;
}

/**
 * heap_buffer_view_get() - a writable CPU view of the buffer comes to be
 * @buffer:	the buffer
 *
 * Context: process context, may sleep. Takes heap_buffer.lock.
 */
void heap_buffer_view_get(struct heap_buffer *buffer)
{
	guard(mutex)(&buffer->lock);

	if (!buffer->views && heap_buffer_device_may_write(buffer))
		heap_buffer_invalidate(buffer);
	buffer->views++;
	buffer->cpu_newer = true;
}

/**
 * heap_buffer_view_put() - undo heap_buffer_view_get()
 * @buffer:	the buffer; lines written through the view may still be in the
 *		cache
 */
void heap_buffer_view_put(struct heap_buffer *buffer)
{
	guard(mutex)(&buffer->lock);

	buffer->views--;
}

/* One entry, more only above what a 32-bit length holds. */
static int heap_mapping_fill(struct heap_mapping *m, struct heap_buffer *buffer)
{
	unsigned long pfn = page_to_pfn(buffer->pages);
	size_t left = buffer->size;
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	ret = sg_alloc_table(&m->table, DIV_ROUND_UP_ULL(left, HEAP_SG_MAX),
			     GFP_KERNEL);
	if (ret)
		return ret;
	for_each_sgtable_sg(&m->table, sg, i) {
		unsigned int len = min_t(size_t, left, HEAP_SG_MAX);

		sg_set_page(sg, pfn_to_page(pfn), len, 0);
		pfn += PFN_DOWN(len);
		left -= len;
	}
	return 0;
}

/*
 * The direct mapping warns about memory that a device cannot reach when there
 * is no bounce buffer, or one that the device cannot reach either; importing a
 * buffer must not make it do that. Bounce buffers are below 4 GiB, so a device
 * with a smaller mask is not known to reach them.
 */
static bool heap_mapping_reachable(struct device *dev, struct heap_buffer *buffer)
{
	u64 limit = min_not_zero(dma_get_mask(dev), dev->bus_dma_limit);
	dma_addr_t addr, last;
	size_t bounce;

	if (use_dma_iommu(dev) || get_dma_ops(dev))
		return true;
	addr = phys_to_dma(dev, page_to_phys(buffer->pages));
	last = addr + buffer->size - 1;
	if (addr != DMA_MAPPING_ERROR && last >= addr && last <= limit)
		return true;
	/* SIZE_MAX stands for no bounce buffer at all. */
	bounce = dma_max_mapping_size(dev);
	return limit >= DMA_BIT_MASK(32) && bounce != SIZE_MAX &&
	       buffer->size <= bounce;
}

/* Where a device's address leads; PHYS_ADDR_MAX when that cannot be known. */
static phys_addr_t heap_mapping_phys(struct device *dev, dma_addr_t addr)
{
	if (use_dma_iommu(dev))
		return iommu_iova_to_phys(iommu_get_domain_for_dev(dev), addr);
	if (get_dma_ops(dev))
		return PHYS_ADDR_MAX;
	return dma_to_phys(dev, addr);
}

/* Invariant 5: direct is only what is shown to be, at both ends of each entry. */
static bool heap_mapping_bounces(struct heap_mapping *m, struct heap_buffer *buffer)
{
	phys_addr_t phys = page_to_phys(buffer->pages);
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(&m->table, sg, i) {
		size_t last = sg_dma_len(sg) - 1;

		if (heap_mapping_phys(m->dev, sg_dma_address(sg)) != phys ||
		    heap_mapping_phys(m->dev, sg_dma_address(sg) + last) != phys + last)
			return true;
		phys += sg_dma_len(sg);
	}
	return false;
}

/**
 * heap_buffer_map() - &dma_buf_ops.map_dma_buf of a cached buffer
 * @attach:	who maps
 * @dir:	what the device will do
 *
 * Costs no cache maintenance when the CPU has not touched the buffer since the
 * last time.
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 * Return: a table with one entry (one for each 4 GiB), given back to
 * heap_buffer_unmap(); or an error pointer: -ENOMEM, or -EIO when the device
 * cannot reach the memory.
 */
struct sg_table *heap_buffer_map(struct dma_buf_attachment *attach,
				 enum dma_data_direction dir)
{
	struct heap_buffer *buffer = attach->dmabuf->priv;
	struct heap_mapping *m;
	int ret;

	if (!heap_mapping_reachable(attach->dev, buffer))
		return ERR_PTR(-EIO);

	m = kzalloc_obj(*m);
	if (!m)
		return ERR_PTR(-ENOMEM);
	m->dev = attach->dev;
	m->dir = dir;

	ret = heap_mapping_fill(m, buffer);
	if (ret)
		goto err_free;

	mutex_lock(&buffer->lock);
	if (buffer->cpu_newer)
		heap_buffer_clean(buffer);
	ret = dma_map_sgtable(m->dev, &m->table, dir, HEAP_DMA_ATTRS);
	if (ret)
		goto err_unlock;

	m->bounced = heap_mapping_bounces(m, buffer);
	if (m->bounced) {
		if (heap_buffer_device_may_write(buffer))
			heap_buffer_invalidate(buffer);
		dma_sync_sgtable_for_device(m->dev, &m->table, dir);
	}
	list_add(&m->node, &buffer->mappings);
	mutex_unlock(&buffer->lock);
	return &m->table;

err_unlock:
	mutex_unlock(&buffer->lock);
	sg_free_table(&m->table);
err_free:
	kfree(m);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_map, "DMABUF_HEAP_LIB");

/**
 * heap_buffer_unmap() - &dma_buf_ops.unmap_dma_buf of a cached buffer
 * @attach:	who mapped
 * @table:	what heap_buffer_map() returned
 * @dir:	as it was mapped
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 */
void heap_buffer_unmap(struct dma_buf_attachment *attach,
		       struct sg_table *table, enum dma_data_direction dir)
{
	struct heap_mapping *m = container_of(table, struct heap_mapping, table);
	struct heap_buffer *buffer = attach->dmabuf->priv;

	mutex_lock(&buffer->lock);
	list_del(&m->node);
	/* Without SKIP_CPU_SYNC a bounced mapping is copied back. */
	dma_unmap_sgtable(m->dev, table, m->dir,
			  m->bounced ? HEAP_DMA_ATTRS & ~DMA_ATTR_SKIP_CPU_SYNC :
				       HEAP_DMA_ATTRS);
	if (m->dir != DMA_TO_DEVICE)
		heap_buffer_written(buffer, m->bounced);
	mutex_unlock(&buffer->lock);

	sg_free_table(table);
	kfree(m);
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_unmap, "DMABUF_HEAP_LIB");

/**
 * heap_buffer_begin_cpu_access() - &dma_buf_ops.begin_cpu_access, cached
 * @dmabuf:	the buffer
 * @dir:	DMA_TO_DEVICE when the CPU will only write
 *
 * Context: process context, may sleep. Takes heap_buffer.lock.
 * Return: 0.
 */
int heap_buffer_begin_cpu_access(struct dma_buf *dmabuf,
				 enum dma_data_direction dir)
{
	struct heap_buffer *buffer = dmabuf->priv;
	struct heap_mapping *m;
	bool copied = false;

	guard(mutex)(&buffer->lock);

	if (dir != DMA_TO_DEVICE) {
		/* Invariant 3; who has the address may have written even so. */
		if (!heap_buffer_device_may_write(buffer) && buffer->cpu_newer)
			heap_buffer_clean(buffer);
		heap_buffer_invalidate(buffer);
	}
	/* A whole copy goes back at the end, so a whole one is fetched now. */
	list_for_each_entry(m, &buffer->mappings, node) {
		if (m->bounced && m->dir != DMA_TO_DEVICE) {
			dma_sync_sgtable_for_cpu(m->dev, &m->table, m->dir);
			copied = true;
		}
	}
	if (copied)
		heap_buffer_copied_in(buffer);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_begin_cpu_access, "DMABUF_HEAP_LIB");

/**
 * heap_buffer_end_cpu_access() - &dma_buf_ops.end_cpu_access, cached
 * @dmabuf:	the buffer
 * @dir:	DMA_FROM_DEVICE when the CPU only read
 *
 * Context: process context, may sleep. Takes heap_buffer.lock.
 * Return: 0.
 */
int heap_buffer_end_cpu_access(struct dma_buf *dmabuf,
			       enum dma_data_direction dir)
{
	struct heap_buffer *buffer = dmabuf->priv;
	struct heap_mapping *m;

	guard(mutex)(&buffer->lock);

	if (dir == DMA_FROM_DEVICE)
		return 0;
	heap_buffer_clean(buffer);
	list_for_each_entry(m, &buffer->mappings, node)
		if (m->bounced && m->dir != DMA_FROM_DEVICE)
			dma_sync_sgtable_for_device(m->dev, &m->table, m->dir);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_end_cpu_access, "DMABUF_HEAP_LIB");

MODULE_DESCRIPTION("Buffers and regions for DMA-BUF heaps of contiguous memory");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("DMA_BUF_HEAP");
