// SPDX-License-Identifier: GPL-2.0-only
/*
 * What heaps of memory with struct pages do with it before it is handed out, the
 * device that this is done with, and the export of every heap's buffers.
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
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "heap_buffer.h"

/**
 * heap_buffer_device_create() - make the device that owns a heap's DMA mappings
 * @name:	the heap's name, unique
 *
 * The device is not coherent, so that syncing through it maintains the CPU
 * caches, and it reaches all memory.
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
EXPORT_SYMBOL_NS_GPL(heap_buffer_device_create, "DMABUF_HEAPS_CONTIG");

/**
 * heap_buffer_device_destroy() - undo heap_buffer_device_create()
 * @dev:	the device, with no buffer left
 *
 * Context: process context, may sleep.
 */
void heap_buffer_device_destroy(struct device *dev)
{
	faux_device_destroy(to_faux_device(dev));
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_device_destroy, "DMABUF_HEAPS_CONTIG");

/* Writes what the CPU caches have of memory that no device has mapped. */
static int heap_buffer_write_out(struct device *dev, phys_addr_t phys, size_t size)
{
	dma_addr_t dma = dma_map_phys(dev, phys, size, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);

	if (dma_mapping_error(dev, dma))
		return -ENOMEM;
	dma_unmap_phys(dev, dma, size, DMA_TO_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
	return 0;
}

static void heap_buffer_zero_chunk(unsigned long pfn, size_t size)
{
	unsigned long end = pfn + PFN_DOWN(size);

	if (!PageHighMem(pfn_to_page(pfn)))
		memset(page_address(pfn_to_page(pfn)), 0, size);
	else
		for (; pfn < end; pfn++)
			clear_highpage(pfn_to_page(pfn));
}

/**
 * heap_buffer_zero() - zero memory that user space will get
 * @buffer:	memory with struct pages, that no device has mapped
 * @dev:	the heap's device, to write the zeroes out to memory as well: from
 *		then on no line of the buffer is dirty, until somebody writes
 *		through the linear map again; or NULL
 *
 * Context: process context, may sleep; long for large sizes.
 * Return: 0; -EINTR when a fatal signal arrived; -ENOMEM when @dev cannot map
 * the memory.
 */
int heap_buffer_zero(const struct heap_buffer *buffer, struct device *dev)
{
	size_t done, chunk;
	int ret = 0;

	for (done = 0; done < buffer->size && !ret; done += chunk) {
		if (fatal_signal_pending(current))
			return -EINTR;
		chunk = min_t(size_t, buffer->size - done, HEAP_ZERO_CHUNK);
		heap_buffer_zero_chunk(PHYS_PFN(buffer->phys + done), chunk);
		if (dev)
			ret = heap_buffer_write_out(dev, buffer->phys + done, chunk);
		cond_resched();
	}
	return ret;
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_zero, "DMABUF_HEAPS_CONTIG");

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

	mutex_init(&buffer->fault_lock);
	return dma_buf_export(&info);
}
EXPORT_SYMBOL_NS_GPL(heap_buffer_export, "DMABUF_HEAPS_CONTIG");

MODULE_DESCRIPTION("Buffers and regions for DMA-BUF heaps");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("DMA_BUF_HEAP");
