// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers: zeroing of memory with struct pages, the sync device of a heap, and export
 * as a dma-buf.
 *
 * A heap's sync device exists for cache maintenance: it is not coherent and addresses
 * all memory, so a sync for it cleans or invalidates CPU cache lines of the range and
 * nothing else.
 *
 * Ownership: the heap driver owns the memory and the buffer structure until
 * heap_buffer_export() has succeeded; after that its .release callback does.
 */

#include <linux/device/faux.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "contig_priv.h"

/**
 * heap_buffer_device_create() - make the sync device of a heap
 * @name:	the heap's name, unique
 *
 * Context: process context.
 * Return: the device, or NULL. The caller destroys it with
 * heap_buffer_device_destroy().
 */
struct device *heap_buffer_device_create(const char *name)
{
	struct faux_device *fdev = faux_device_create(name, NULL, NULL);

	if (!fdev)
		return NULL;
	/* Some architectures treat devices without a firmware node as coherent. */
	dev_clear_dma_coherent(&fdev->dev);
#ifdef CONFIG_SWIOTLB
	/* swiotlb=force must not bounce the mapping that maintenance goes through. */
	fdev->dev.dma_io_tlb_mem = NULL;
#endif
	if (dma_coerce_mask_and_coherent(&fdev->dev, DMA_BIT_MASK(64))) {
		faux_device_destroy(fdev);
		return NULL;
	}
	return &fdev->dev;
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_device_create, "DMABUF_HEAPS_CONTIG");

/**
 * heap_buffer_device_destroy() - undo heap_buffer_device_create()
 * @dev:	the device; no buffer of the heap is left
 *
 * Context: process context, may sleep.
 */
void heap_buffer_device_destroy(struct device *dev)
{
	faux_device_destroy(to_faux_device(dev));
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_device_destroy, "DMABUF_HEAPS_CONTIG");

/* Cleans the cache lines of memory that no device has mapped. */
static int heap_buffer_write_back(struct device *dev, phys_addr_t phys, size_t size)
{
	dma_addr_t dma = dma_map_phys(dev, phys, size, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);

	if (dma_mapping_error(dev, dma))
		return -ENOMEM;
	dma_unmap_phys(dev, dma, size, DMA_TO_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
	return 0;
}

/* On arm64, one memset() is 4 % cheaper than clear_pages(), which goes page by page. */
static void heap_buffer_clear(struct page *page, size_t size)
{
	if (!PageHighMem(page)) {
		memset(page_address(page), 0, size);
		return;
	}
	for (; size; size -= PAGE_SIZE)
		clear_highpage(page++);
}

/**
 * heap_buffer_zero() - zero memory with struct pages for user space
 * @phys:	physical address, a multiple of PAGE_SIZE; not mapped by any device
 * @size:	bytes, a multiple of PAGE_SIZE
 * @dev:	the heap's sync device, to write the zeroes back to memory as well, after
 *		which no cache line of it is dirty; or NULL
 *
 * Context: process context, may sleep; long for large sizes.
 * Return: 0; -EINTR when a fatal signal is pending; -ENOMEM when @dev cannot map the
 * memory.
 */
int heap_buffer_zero(phys_addr_t phys, size_t size, struct device *dev)
{
	int ret = 0;

	while (size && !ret) {
		size_t chunk = min_t(size_t, size, HEAP_ZERO_CHUNK);

		if (fatal_signal_pending(current))
			return -EINTR;
		heap_buffer_clear(pfn_to_page(PHYS_PFN(phys)), chunk);
		if (dev)
			ret = heap_buffer_write_back(dev, phys, chunk);
		phys += chunk;
		size -= chunk;
		cond_resched();
	}
	return ret;
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_zero, "DMABUF_HEAPS_CONTIG");

/**
 * heap_buffer_init_cached() - make a cached buffer of zeroed memory
 * @buffer:	@buffer->base is set; the memory stays the caller's
 * @dev:	the heap's sync device
 * @dirty:	the zeroes may still be in the CPU caches only
 *
 * Context: any. The caller calls heap_buffer_fini_cached() before it frees the memory.
 */
void heap_buffer_init_cached(struct heap_cached *buffer, struct device *dev, bool dirty)
{
	buffer->dev = dev;
	buffer->dma = DMA_MAPPING_ERROR;
	mutex_init(&buffer->lock);
	INIT_LIST_HEAD(&buffer->mappings);
	buffer->cpu_mappings = 0;
	buffer->mmap_writers = 0;
	buffer->unsync_writers = 0;
	buffer->write_accesses = 0;
	buffer->dirty = dirty;
	buffer->needs_invalidate = false;
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_init_cached, "DMABUF_HEAPS_CONTIG");

/**
 * heap_buffer_fini_cached() - undo heap_buffer_init_cached()
 * @buffer:	no device has it mapped, and no CPU mapping is left
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

/**
 * heap_buffer_export() - export a buffer as a dma-buf
 * @buffer:	ready for use
 * @ops:	the heap's table, whose .release frees @buffer and its memory
 * @owner:	the module that @ops is in
 * @exp_name:	the heap's name
 * @fd_flags:	access mode from the allocation request
 *
 * It is the last step of an allocation that can fail.
 *
 * Context: process context, may sleep.
 * Return: the dma-buf, which then owns @buffer; or an error pointer, and @buffer stays
 * the caller's.
 */
struct dma_buf *heap_buffer_export(struct heap_buffer *buffer, const struct dma_buf_ops *ops,
				   struct module *owner, const char *exp_name, u32 fd_flags)
{
	struct dma_buf_export_info info = {
		.exp_name = exp_name,
		.owner = owner,
		.ops = ops,
		.size = buffer->size,
		.flags = fd_flags,
		.priv = buffer,
	};

	mutex_init(&buffer->fault_lock);
	return dma_buf_export(&info);
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_export, "DMABUF_HEAPS_CONTIG");
