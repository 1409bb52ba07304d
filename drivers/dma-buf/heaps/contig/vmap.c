// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel mappings of buffers with struct pages, for drivers. The core calls .vmap for the
 * first user of a buffer and .vunmap after the last one.
 */

#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "contig_priv.h"

static void *heap_vmap_pages(const struct heap_buffer *buffer, pgprot_t prot)
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
 * heap_vmap_cached() - &dma_buf_ops.vmap of cached buffers
 * @dmabuf:	the buffer
 * @map:	set to the address, that of the linear map unless the memory is highmem
 *
 * Context: process context, may sleep; dma_buf.resv is held. Takes heap_cached.lock.
 * Return: 0, or -ENOMEM.
 */
int heap_vmap_cached(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct heap_cached *buffer = heap_cached(dmabuf->priv);
	struct page *pages = pfn_to_page(PHYS_PFN(buffer->base.phys));
	void *vaddr;

	dma_resv_assert_held(dmabuf->resv);

	if (PageHighMem(pages))
		vaddr = heap_vmap_pages(&buffer->base, PAGE_KERNEL);
	else
		vaddr = page_address(pages);
	if (!vaddr)
		return -ENOMEM;

	heap_cpu_access_vmap_get(buffer);
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_vmap_cached, "DMABUF_HEAPS_CONTIG");

/**
 * heap_vunmap_cached() - &dma_buf_ops.vunmap, undoes heap_vmap_cached()
 * @dmabuf:	the buffer
 * @map:	from heap_vmap_cached()
 *
 * Context: process context; dma_buf.resv is held. Takes heap_cached.lock.
 */
void heap_vunmap_cached(struct dma_buf *dmabuf, struct iosys_map *map)
{
	dma_resv_assert_held(dmabuf->resv);

	if (is_vmalloc_addr(map->vaddr))
		vunmap(map->vaddr);
	iosys_map_clear(map);
	heap_cpu_access_vmap_put(heap_cached(dmabuf->priv));
}
EXPORT_SYMBOL_NS_GPL(heap_vunmap_cached, "DMABUF_HEAPS_CONTIG");

/**
 * heap_vmap_uncached() - &dma_buf_ops.vmap of uncached buffers
 * @dmabuf:	the buffer
 * @map:	set to the address of a write-combined mapping
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 * Return: 0, or -ENOMEM.
 */
int heap_vmap_uncached(struct dma_buf *dmabuf, struct iosys_map *map)
{
	void *vaddr;

	dma_resv_assert_held(dmabuf->resv);

	vaddr = heap_vmap_pages(dmabuf->priv, pgprot_writecombine(PAGE_KERNEL));
	if (!vaddr)
		return -ENOMEM;
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_vmap_uncached, "DMABUF_HEAPS_CONTIG");

/**
 * heap_vunmap_uncached() - &dma_buf_ops.vunmap, undoes heap_vmap_uncached()
 * @dmabuf:	the buffer
 * @map:	from heap_vmap_uncached()
 *
 * Context: process context; dma_buf.resv is held.
 */
void heap_vunmap_uncached(struct dma_buf *dmabuf, struct iosys_map *map)
{
	dma_resv_assert_held(dmabuf->resv);

	vunmap(map->vaddr);
	iosys_map_clear(map);
}
EXPORT_SYMBOL_NS_GPL(heap_vunmap_uncached, "DMABUF_HEAPS_CONTIG");
