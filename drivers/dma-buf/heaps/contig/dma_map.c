// SPDX-License-Identifier: GPL-2.0-only
/*
 * A buffer as an importer sees it, from map to unmap: one scatterlist entry, and
 * whether the device works on the memory or on a copy of it. A cached buffer is
 * mapped without maintenance, because cpu_access.c sees to that.
 *
 * The table belongs to the importer until it unmaps it. Nothing is kept for an
 * attachment that is not mapped.
 */

#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/iommu.h>
#include <linux/iommu-dma.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>

#include "heap_buffer.h"
#include "heap_cache.h"
#include "heap_mapping.h"

/* One entry, more only above what a 32-bit length holds. */
static int heap_mapping_fill(struct heap_mapping *m, const struct heap_buffer *buffer)
{
	unsigned long pfn = PHYS_PFN(buffer->phys);
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

/* What an importer gets of memory with struct pages, not mapped yet. */
struct heap_mapping *heap_mapping_create(struct device *dev,
					 const struct heap_buffer *buffer,
					 enum dma_data_direction dir)
{
	struct heap_mapping *m = kzalloc_obj(*m);
	int ret;

	if (!m)
		return ERR_PTR(-ENOMEM);
	ret = heap_mapping_fill(m, buffer);
	if (ret) {
		kfree(m);
		return ERR_PTR(ret);
	}
	m->dev = dev;
	m->dir = dir;
	m->writes = dir != DMA_TO_DEVICE;
	return m;
}

void heap_mapping_destroy(struct heap_mapping *m)
{
	sg_free_table(&m->table);
	kfree(m);
}

/* How far a device sees without an IOMMU. */
static u64 heap_dma_reach_limit(struct device *dev)
{
	return min_not_zero(dma_get_mask(dev), dev->bus_dma_limit);
}

/*
 * Whether a device can work on the memory itself. The DMA API warns about one
 * that has no mask, or that cannot reach what it is to map; importing a buffer
 * must not make it do that.
 */
bool heap_dma_reach_can_address(struct device *dev, const struct heap_buffer *buffer)
{
	dma_addr_t first, last;

	if (!dev->dma_mask || !*dev->dma_mask)
		return false;
	/* Operations of its own that no IOMMU is behind may do anything. */
	if (use_dma_iommu(dev) || get_dma_ops(dev))
		return iommu_get_domain_for_dev(dev);
	if (is_swiotlb_force_bounce(dev))
		return false;
	/* Both ends: a bus may translate ranges of memory by different offsets. */
	first = phys_to_dma(dev, buffer->phys);
	last = phys_to_dma(dev, buffer->phys + buffer->size - 1);
	return first != DMA_MAPPING_ERROR && last != DMA_MAPPING_ERROR &&
	       last - first == buffer->size - 1 && last <= heap_dma_reach_limit(dev);
}

/* Whether the bounce buffers of @dev are where it can reach them. */
static bool heap_dma_reach_can_bounce(struct device *dev)
{
#ifdef CONFIG_SWIOTLB
	struct io_tlb_mem *mem = dev->dma_io_tlb_mem;

	return mem && mem->nslabs &&
	       phys_to_dma(dev, mem->defpool.end - 1) <= heap_dma_reach_limit(dev);
#else
	return false;
#endif
}

/* The same, or on a copy of it. */
static bool heap_dma_reach_can_map(struct device *dev, const struct heap_buffer *buffer)
{
	if (heap_dma_reach_can_address(dev, buffer))
		return true;
	if (!dev->dma_mask || !*dev->dma_mask)
		return false;
	if (get_dma_ops(dev))
		return true;
	return heap_dma_reach_can_bounce(dev) &&
	       (is_swiotlb_force_bounce(dev) || buffer->size <= dma_max_mapping_size(dev));
}

/* Where a device's address leads; PHYS_ADDR_MAX when that cannot be known. */
static phys_addr_t heap_dma_reach_phys(struct device *dev, dma_addr_t addr)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	if (!use_dma_iommu(dev) && !get_dma_ops(dev))
		return dma_to_phys(dev, addr);
	return domain ? iommu_iova_to_phys(domain, addr) : PHYS_ADDR_MAX;
}

/* Whether addresses lead to this memory, which is seen at both ends. */
bool heap_dma_reach_resolves_to(struct device *dev, dma_addr_t addr, phys_addr_t phys, size_t size)
{
	return heap_dma_reach_phys(dev, addr) == phys &&
	       heap_dma_reach_phys(dev, addr + size - 1) == phys + size - 1;
}

/* Direct is only what is shown to be. */
bool heap_mapping_bounces(struct heap_mapping *m, const struct heap_buffer *buffer)
{
	phys_addr_t phys = buffer->phys;
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(&m->table, sg, i) {
		if (!heap_dma_reach_resolves_to(m->dev, sg_dma_address(sg), phys, sg_dma_len(sg)))
			return true;
		phys += sg_dma_len(sg);
	}
	return false;
}

/* Copies a range between the buffer and where the device works. */
static void heap_mapping_sync(struct heap_mapping *m, size_t offset, size_t len,
			      void (*sync)(struct device *dev, dma_addr_t addr, size_t size,
					   enum dma_data_direction dir))
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

void heap_mapping_sync_for_cpu(struct heap_mapping *m, size_t offset, size_t len)
{
	heap_mapping_sync(m, offset, len, dma_sync_single_for_cpu);
}

void heap_mapping_sync_for_device(struct heap_mapping *m, size_t offset, size_t len)
{
	heap_mapping_sync(m, offset, len, dma_sync_single_for_device);
}

/* Maps, and finds out whether that bounced. */
static int heap_mapping_map(struct heap_mapping *m, struct heap_cached *buffer)
{
	int ret = dma_map_sgtable(m->dev, &m->table, m->dir, HEAP_DMA_ATTRS);

	if (ret)
		return ret;
	m->bounced = heap_mapping_bounces(m, &buffer->base);
	if (!m->bounced || m->dir != DMA_FROM_DEVICE)
		return 0;
	/* A copy that the CPU may write too, in a session, is filled as well. */
	dma_unmap_sgtable(m->dev, &m->table, m->dir, HEAP_DMA_ATTRS);
	m->dir = DMA_BIDIRECTIONAL;
	return dma_map_sgtable(m->dev, &m->table, m->dir, HEAP_DMA_ATTRS);
}

/* bounced_is_a_copy: no second writer beside one that bounces. */
static bool heap_mapping_conflicts(struct heap_mapping *m, struct heap_cached *buffer)
{
	struct heap_mapping *other;

	list_for_each_entry(other, &buffer->mappings, node)
		if (m->writes && other->writes && (m->bounced || other->bounced))
			return true;
	return false;
}

/**
 * heap_dma_map_cached() - &dma_buf_ops.map_dma_buf of a cached buffer
 * @attach:	who maps
 * @dir:	what the device will do
 *
 * Costs no cache maintenance when the CPU has not touched the buffer since the
 * last time, and none for a coherent device unless one that is not may have
 * written.
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 * Return: a table with one entry (one for each 4 GiB), given back to
 * heap_dma_unmap_cached(); or an error pointer: -ENOMEM; -EIO when the device
 * cannot reach the memory; -EBUSY when there would be two writers of which one
 * bounces.
 */
struct sg_table *heap_dma_map_cached(struct dma_buf_attachment *attach,
					  enum dma_data_direction dir)
{
	struct heap_cached *buffer = heap_cached(attach->dmabuf->priv);
	struct heap_mapping *m;
	int ret;

	if (!heap_dma_reach_can_map(attach->dev, &buffer->base))
		return ERR_PTR(-EIO);

	m = heap_mapping_create(attach->dev, &buffer->base, dir);
	if (IS_ERR(m))
		return ERR_CAST(m);

	mutex_lock(&buffer->lock);
	ret = heap_cpu_access_map_self(buffer);
	if (ret)
		goto err_unlock;
	ret = heap_mapping_map(m, buffer);
	if (ret)
		goto err_unlock;
	ret = -EBUSY;
	if (heap_mapping_conflicts(m, buffer))
		goto err_unmap;

	if (heap_mapping_is_noncoherent(m)) {
		heap_cpu_access_clean(buffer);
	} else {
		heap_cpu_access_sync_for_cpu(buffer);
		if (m->bounced)
			heap_mapping_sync_for_device(m, 0, buffer->base.size);
		else
			heap_cpu_access_unsync_get(buffer, m->writes);
	}
	list_add(&m->node, &buffer->mappings);
	mutex_unlock(&buffer->lock);
	return &m->table;

err_unmap:
	dma_unmap_sgtable(m->dev, &m->table, m->dir, HEAP_DMA_ATTRS);
err_unlock:
	mutex_unlock(&buffer->lock);
	heap_mapping_destroy(m);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(heap_dma_map_cached, "DMABUF_HEAPS_CONTIG");

/* What a device wrote becomes the buffer's content, when the device goes. */
static void heap_mapping_gone(struct heap_mapping *m, struct heap_cached *buffer)
{
	if (m->bounced) {
		if (m->writes)
			heap_cpu_access_copied_in(buffer, 0, buffer->base.size);
	} else if (dev_is_dma_coherent(m->dev)) {
		heap_cpu_access_unsync_put(buffer, m->writes);
	} else if (m->writes) {
		buffer->cpu_stale = true;
		if (buffer->views)
			heap_cpu_access_sync_for_cpu(buffer);
	}
}

/**
 * heap_dma_unmap_cached() - &dma_buf_ops.unmap_dma_buf of a cached buffer
 * @attach:	who mapped
 * @table:	what heap_dma_map_cached() returned
 * @dir:	as it was mapped
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 */
void heap_dma_unmap_cached(struct dma_buf_attachment *attach,
				struct sg_table *table,
				enum dma_data_direction dir)
{
	struct heap_mapping *m = container_of(table, struct heap_mapping, table);
	struct heap_cached *buffer = heap_cached(attach->dmabuf->priv);

	mutex_lock(&buffer->lock);
	list_del(&m->node);
	/* Without SKIP_CPU_SYNC a bounced mapping is copied back. */
	dma_unmap_sgtable(m->dev, table, m->dir,
			  m->bounced ? HEAP_DMA_ATTRS & ~DMA_ATTR_SKIP_CPU_SYNC :
				       HEAP_DMA_ATTRS);
	heap_mapping_gone(m, buffer);
	mutex_unlock(&buffer->lock);
	heap_mapping_destroy(m);
}
EXPORT_SYMBOL_NS_GPL(heap_dma_unmap_cached, "DMABUF_HEAPS_CONTIG");
