// SPDX-License-Identifier: GPL-2.0-only
/*
 * What every heap of memory with struct pages does with it before it is handed
 * out, the device that this is done with, and the export.
 *
 * Ownership: the heap driver owns the memory, allocates &struct heap_buffer and
 * frees both in its .release.
 */

#include <linux/device/faux.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "heap_buffer.h"

/* How much is zeroed between two looks at signals and the scheduler. */
#define HEAP_ZERO_CHUNK	SZ_2M

/**
 * heap_device_create() - make the device that owns a heap's DMA mappings
 * @name:	the heap's name, unique
 *
 * The device is not coherent, so that syncing through it maintains the CPU
 * caches, and it reaches all memory.
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
	/* Some architectures take a device that nobody described for coherent. */
	dev_clear_dma_coherent(&fdev->dev);
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
 * @buffer:	memory with struct pages
 *
 * Context: process context, may sleep; long for large sizes.
 * Return: 0, or -EINTR when a fatal signal arrived.
 */
int heap_buffer_zero(const struct heap_buffer *buffer)
{
	unsigned long pfn = PHYS_PFN(buffer->phys);
	struct page *pages = pfn_to_page(pfn);
	size_t done, chunk, offset;

	for (done = 0; done < buffer->size; done += chunk) {
		if (fatal_signal_pending(current))
			return -EINTR;
		chunk = min_t(size_t, buffer->size - done, HEAP_ZERO_CHUNK);
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
 * heap_buffer_write_out() - write what the CPU caches have of a buffer to memory
 * @buffer:	memory with struct pages, that no device has mapped
 * @dev:	the heap's device, from heap_device_create()
 *
 * From here on no line of the buffer is dirty, until somebody writes through
 * the linear map again.
 *
 * Context: process context, may sleep.
 * Return: 0, or -ENOMEM when @dev cannot map the memory.
 */
int heap_buffer_write_out(const struct heap_buffer *buffer, struct device *dev)
{
	dma_addr_t dma = dma_map_phys(dev, buffer->phys, buffer->size,
				      DMA_TO_DEVICE, DMA_ATTR_NO_WARN);

	if (dma_mapping_error(dev, dma))
		return -ENOMEM;
	dma_unmap_phys(dev, dma, buffer->size, DMA_TO_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_write_out, "DMABUF_HEAP_LIB");

/**
 * heap_buffer_export() - wrap a buffer into a dma-buf
 * @buffer:	ready to be used
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

MODULE_DESCRIPTION("Buffers and regions for DMA-BUF heaps");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("DMA_BUF_HEAP");
