// SPDX-License-Identifier: GPL-2.0-only
/*
 * A buffer of ordinary memory that the CPUs see write-combined, as importers and
 * drivers see it. Nothing is maintained at map, unmap or in a session: no line
 * of it is dirty when it is handed out (heap_buffer_write_out()), and no view
 * makes one.
 *
 * The memory is in the linear map too, and CPUs may load lines of it at any time
 * that nobody asked for. They are clean, so no device is overwritten by them,
 * and no write-combined view looks at them. A coherent device would: it is
 * refused, and so is one that would work on a copy, which nobody syncs: when
 * it maps, because some importers only attach, and look by the CPU.
 */

#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iosys-map.h>
#include <linux/vmalloc.h>

#include "heap_buffer.h"
#include "heap_mapping.h"
#include "heap_mmap.h"

static int heap_uncached_why_not(struct device *dev, const struct heap_buffer *buffer)
{
	if (dev_is_dma_coherent(dev))
		return -EOPNOTSUPP;
	return heap_dma_reach_can_address(dev, buffer) ? 0 : -EIO;
}

/**
 * heap_dma_map_uncached() - &dma_buf_ops.map_dma_buf of an uncached buffer
 * @attach:	who maps
 * @dir:	what the device will do
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 * Return: a table with one entry (one for each 4 GiB), given back to
 * heap_dma_unmap_uncached(); or an error pointer: -EOPNOTSUPP for a coherent
 * device; -EIO for one that cannot reach the memory, or not without a bounce
 * buffer; -ENOMEM; what dma_map_sgtable() says.
 */
struct sg_table *heap_dma_map_uncached(struct dma_buf_attachment *attach,
					   enum dma_data_direction dir)
{
	struct heap_buffer *buffer = attach->dmabuf->priv;
	struct heap_mapping *m;
	int ret;

	ret = heap_uncached_why_not(attach->dev, buffer);
	if (ret)
		return ERR_PTR(ret);
	m = heap_mapping_create(attach->dev, buffer, dir);
	if (IS_ERR(m))
		return ERR_CAST(m);
	ret = dma_map_sgtable(m->dev, &m->table, dir, HEAP_DMA_ATTRS);
	if (ret)
		goto err_destroy;
	ret = -EIO;
	if (heap_mapping_bounces(m, buffer))
		goto err_unmap;
	return &m->table;

err_unmap:
	dma_unmap_sgtable(m->dev, &m->table, dir, HEAP_DMA_ATTRS);
err_destroy:
	heap_mapping_destroy(m);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(heap_dma_map_uncached, "DMABUF_HEAPS_CONTIG");

/**
 * heap_dma_unmap_uncached() - &dma_buf_ops.unmap_dma_buf, uncached
 * @attach:	who mapped
 * @table:	what heap_dma_map_uncached() returned
 * @dir:	as it was mapped
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 */
void heap_dma_unmap_uncached(struct dma_buf_attachment *attach,
				 struct sg_table *table,
				 enum dma_data_direction dir)
{
	struct heap_mapping *m = container_of(table, struct heap_mapping, table);

	dma_unmap_sgtable(m->dev, table, m->dir, HEAP_DMA_ATTRS);
	heap_mapping_destroy(m);
}
EXPORT_SYMBOL_NS_GPL(heap_dma_unmap_uncached, "DMABUF_HEAPS_CONTIG");

/**
 * heap_vmap_uncached() - &dma_buf_ops.vmap of an uncached buffer
 * @dmabuf:	the buffer
 * @map:	gets the address of a write-combined mapping
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 * Return: 0, or -ENOMEM.
 */
int heap_vmap_uncached(struct dma_buf *dmabuf, struct iosys_map *map)
{
	void *vaddr = heap_vmap_pages(dmabuf->priv, pgprot_writecombine(PAGE_KERNEL));

	if (!vaddr)
		return -ENOMEM;
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_vmap_uncached, "DMABUF_HEAPS_CONTIG");

/**
 * heap_vunmap_uncached() - &dma_buf_ops.vunmap, undoes heap_vmap_uncached()
 * @dmabuf:	the buffer
 * @map:	what heap_vmap_uncached() filled in
 *
 * Context: process context; dma_buf.resv is held.
 */
void heap_vunmap_uncached(struct dma_buf *dmabuf, struct iosys_map *map)
{
	vunmap(map->vaddr);
	iosys_map_clear(map);
}
EXPORT_SYMBOL_NS_GPL(heap_vunmap_uncached, "DMABUF_HEAPS_CONTIG");
