// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU views of a buffer: mmap of the dma-buf fd, and vmap for drivers.
 *
 * A view holds a reference on the dma-buf (the core sees to that), so the
 * buffer outlives it. The cache rules in heap_cache.c want to know of each view
 * of a cached buffer; an uncached one's are write-combined.
 *
 * Pages are entered when they are touched. Nobody moves or frees them under a
 * mapping, so a fault needs no lock.
 */

#include <linux/dma-buf.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "heap_buffer.h"
#include "heap_cache.h"
#include "heap_mmap.h"

static vm_fault_t heap_mmap_fault(struct vm_fault *vmf)
{
	struct heap_buffer *buffer = vmf->vma->vm_private_data;

	if (vmf->pgoff >= PFN_DOWN(buffer->size))
		return VM_FAULT_SIGBUS;
	return vmf_insert_pfn(vmf->vma, vmf->address,
			      PHYS_PFN(buffer->phys) + vmf->pgoff);
}

/* mprotect() can make a view writable later unless VM_MAYWRITE is off. */
static void heap_mmap_open(struct vm_area_struct *vma)
{
	heap_cache_view_get(heap_cached(vma->vm_private_data), vma->vm_flags & VM_MAYWRITE);
}

static void heap_mmap_close(struct vm_area_struct *vma)
{
	heap_cache_view_put(heap_cached(vma->vm_private_data), vma->vm_flags & VM_MAYWRITE);
}

static const struct vm_operations_struct heap_mmap_cached_ops = {
	.open = heap_mmap_open,
	.close = heap_mmap_close,
	.fault = heap_mmap_fault,
};

static const struct vm_operations_struct heap_mmap_uncached_ops = {
	.fault = heap_mmap_fault,
};

/* A private mapping could not be shared with any device. */
static int heap_mmap_area(struct dma_buf *dmabuf, struct vm_area_struct *vma,
			  const struct vm_operations_struct *ops)
{
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = dmabuf->priv;
	vma->vm_ops = ops;
	return 0;
}

/**
 * heap_mmap() - &dma_buf_ops.mmap of a cached buffer
 * @dmabuf:	the buffer
 * @vma:	within the buffer: the dma-buf core has checked that
 *
 * Context: process context; mmap_lock is held for writing.
 * Return: 0, or -EINVAL for a private mapping.
 */
int heap_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	int ret = heap_mmap_area(dmabuf, vma, &heap_mmap_cached_ops);

	if (ret)
		return ret;
	heap_mmap_open(vma);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_mmap, "DMABUF_HEAP_LIB");

/**
 * heap_mmap_uncached() - &dma_buf_ops.mmap of a buffer that is not cached
 * @dmabuf:	the buffer
 * @vma:	within the buffer: the dma-buf core has checked that
 *
 * The view is write-combined.
 *
 * Context: process context; mmap_lock is held for writing.
 * Return: 0, or -EINVAL for a private mapping.
 */
int heap_mmap_uncached(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	int ret = heap_mmap_area(dmabuf, vma, &heap_mmap_uncached_ops);

	if (ret)
		return ret;
	vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_mmap_uncached, "DMABUF_HEAP_LIB");

/**
 * heap_mmap_uncached_end() - &dma_buf_ops.end_cpu_access, not cached
 * @dmabuf:	the buffer
 * @dir:	DMA_FROM_DEVICE when the CPU only read
 *
 * What this CPU wrote is out of its write buffers, also for a device that is
 * started by somebody who knows nothing of the buffer.
 *
 * Context: any.
 * Return: 0.
 */
int heap_mmap_uncached_end(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	wmb(); /* before whatever starts a device, which is not ours to order */
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_mmap_uncached_end, "DMABUF_HEAP_LIB");

/* A kernel mapping of memory with struct pages; undone with vunmap(). */
void *heap_mmap_vmap_pages(const struct heap_buffer *buffer, pgprot_t prot)
{
	unsigned long i, count = PFN_DOWN(buffer->size);
	struct page **pages;
	void *vaddr;

	pages = kvmalloc_objs(*pages, count, GFP_KERNEL | __GFP_NOWARN);
	if (!pages)
		return NULL;
	for (i = 0; i < count; i++)
		pages[i] = pfn_to_page(PHYS_PFN(buffer->phys) + i);
	vaddr = vmap(pages, count, VM_MAP, prot);
	kvfree(pages);
	return vaddr;
}

/**
 * heap_mmap_vmap() - &dma_buf_ops.vmap of a cached buffer
 * @dmabuf:	the buffer
 * @map:	gets the address
 *
 * The core calls this for the first of any number of users. Memory in the
 * linear map costs nothing.
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 * Return: 0, or -ENOMEM.
 */
int heap_mmap_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct heap_cached *buffer = heap_cached(dmabuf->priv);
	struct page *pages = pfn_to_page(PHYS_PFN(buffer->base.phys));
	void *vaddr;

	/* Only 32-bit kernels have memory outside the linear map. */
	if (PageHighMem(pages))
		vaddr = heap_mmap_vmap_pages(&buffer->base, PAGE_KERNEL);
	else
		vaddr = page_address(pages);
	if (!vaddr)
		return -ENOMEM;

	heap_cache_vmap_get(buffer);
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_mmap_vmap, "DMABUF_HEAP_LIB");

/**
 * heap_mmap_vunmap() - &dma_buf_ops.vunmap, undoes heap_mmap_vmap()
 * @dmabuf:	the buffer
 * @map:	what heap_mmap_vmap() filled in
 *
 * Context: process context; dma_buf.resv is held. Takes heap_cached.lock.
 */
void heap_mmap_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	if (is_vmalloc_addr(map->vaddr))
		vunmap(map->vaddr);
	iosys_map_clear(map);
	heap_cache_vmap_put(heap_cached(dmabuf->priv));
}
EXPORT_SYMBOL_NS_GPL(heap_mmap_vunmap, "DMABUF_HEAP_LIB");
