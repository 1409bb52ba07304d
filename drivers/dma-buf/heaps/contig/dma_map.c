// SPDX-License-Identifier: GPL-2.0-only
/*
 * map_dma_buf and unmap_dma_buf of buffers with struct pages: one scatterlist entry for
 * any size, and whether the device works on the memory or on a bounce copy.
 *
 * A cached buffer is mapped with DMA_ATTR_SKIP_CPU_SYNC, and cpu_access.c does the cache
 * maintenance that is due.
 *
 * An uncached buffer needs no maintenance: no cache line of it is dirty when it is
 * allocated (heap_buffer_zero()), and no CPU mapping dirties one. Its memory is in the
 * linear map too, so CPUs may load lines of it speculatively. Those are clean, so they
 * overwrite nothing that a device wrote, and write-combined CPU mappings bypass them. A
 * coherent device would read them, so it is refused, and so is a device that would need a
 * bounce copy, because no CPU access updates that.
 *
 * Devices are refused when they map and not when they attach, because some importers
 * attach only and access the buffer by the CPU.
 *
 * Ownership: a &struct heap_mapping belongs to the importer from map to unmap. Nothing is
 * allocated for an attachment that is not mapped.
 */

#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "contig_priv.h"

/* One entry; more only for sizes that a 32-bit length cannot hold. */
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

/* Describes a buffer for an importer; it is not mapped yet. */
static struct heap_mapping *heap_mapping_create(struct device *dev,
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

static void heap_mapping_destroy(struct heap_mapping *m)
{
	sg_free_table(&m->table);
	kfree(m);
}

/* A mapping counts as bounced unless its addresses resolve to the buffer. */
static bool heap_mapping_bounces(struct heap_mapping *m, const struct heap_buffer *buffer)
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

/* Maps, and finds out whether the mapping is bounced. */
static int heap_mapping_map(struct heap_mapping *m, struct heap_cached *buffer)
{
	int ret = dma_map_sgtable(m->dev, &m->table, m->dir, HEAP_DMA_ATTRS);

	if (ret)
		return ret;
	m->bounced = heap_mapping_bounces(m, &buffer->base);
	if (!m->bounced || m->dir != DMA_FROM_DEVICE)
		return 0;
	/* CPU accesses may write too, so the copy is synced in both directions. */
	dma_unmap_sgtable(m->dev, &m->table, m->dir, HEAP_DMA_ATTRS);
	m->dir = DMA_BIDIRECTIONAL;
	return dma_map_sgtable(m->dev, &m->table, m->dir, HEAP_DMA_ATTRS);
}

/* bounced_is_a_copy: no second writer beside a bounced one */
static bool heap_mapping_conflicts(struct heap_mapping *m, struct heap_cached *buffer)
{
	struct heap_mapping *other;

	lockdep_assert_held(&buffer->lock);

	list_for_each_entry(other, &buffer->mappings, node)
		if (m->writes && other->writes && (m->bounced || other->bounced))
			return true;
	return false;
}

/* Brings the buffer, or its bounce copy, into the state that the device expects. */
static void heap_mapping_prepare(struct heap_mapping *m, struct heap_cached *buffer)
{
	lockdep_assert_held(&buffer->lock);

	if (heap_mapping_is_noncoherent(m)) {
		heap_cpu_access_clean(buffer);
		return;
	}
	heap_cpu_access_sync_for_cpu(buffer);
	if (m->bounced)
		heap_cpu_access_bounce_out(m, 0, buffer->base.size);
	else
		heap_cpu_access_unsync_get(buffer, m->writes);
}

/**
 * heap_dma_map_cached() - &dma_buf_ops.map_dma_buf of cached buffers
 * @attach:	the importer's attachment
 * @dir:	direction of the device's accesses
 *
 * No cache maintenance is needed when the CPU has not accessed the buffer since the last
 * time, and none for a coherent device unless a non-coherent one may have written.
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 * Return: a table with one entry for each 4 GiB, for heap_dma_unmap_cached(); or an error
 * pointer: -ENOMEM; -EIO when the device cannot address the memory; -EBUSY when there
 * would be two writing devices of which one is bounced.
 */
struct sg_table *heap_dma_map_cached(struct dma_buf_attachment *attach,
				     enum dma_data_direction dir)
{
	struct heap_cached *buffer = heap_cached(attach->dmabuf->priv);
	struct heap_mapping *m;
	int ret;

	dma_resv_assert_held(attach->dmabuf->resv);

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
	heap_mapping_prepare(m, buffer);
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

/* Makes what the device wrote visible to the CPU, now or when it is next needed. */
static void heap_mapping_finish(struct heap_mapping *m, struct heap_cached *buffer)
{
	lockdep_assert_held(&buffer->lock);

	if (m->bounced) {
		if (m->writes)
			heap_cpu_access_copied_in(buffer, 0, buffer->base.size);
	} else if (dev_is_dma_coherent(m->dev)) {
		heap_cpu_access_unsync_put(buffer, m->writes);
	} else if (m->writes) {
		buffer->needs_invalidate = true;
		heap_cpu_access_sync_mappings(buffer);
	}
}

/**
 * heap_dma_unmap_cached() - &dma_buf_ops.unmap_dma_buf of cached buffers
 * @attach:	the importer's attachment
 * @table:	from heap_dma_map_cached()
 * @dir:	the importer's direction; the one that was mapped counts
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 */
void heap_dma_unmap_cached(struct dma_buf_attachment *attach, struct sg_table *table,
			   enum dma_data_direction dir)
{
	struct heap_mapping *m = container_of(table, struct heap_mapping, table);
	struct heap_cached *buffer = heap_cached(attach->dmabuf->priv);

	dma_resv_assert_held(attach->dmabuf->resv);

	mutex_lock(&buffer->lock);
	list_del(&m->node);
	/* Without SKIP_CPU_SYNC a bounce copy is copied back. */
	dma_unmap_sgtable(m->dev, table, m->dir,
			  m->bounced ? HEAP_DMA_ATTRS & ~DMA_ATTR_SKIP_CPU_SYNC :
				       HEAP_DMA_ATTRS);
	heap_mapping_finish(m, buffer);
	mutex_unlock(&buffer->lock);
	heap_mapping_destroy(m);
}
EXPORT_SYMBOL_NS_GPL(heap_dma_unmap_cached, "DMABUF_HEAPS_CONTIG");

static int heap_dma_map_check_uncached(struct device *dev, const struct heap_buffer *buffer)
{
	if (dev_is_dma_coherent(dev))
		return -EOPNOTSUPP;
	return heap_dma_reach_can_address(dev, buffer) ? 0 : -EIO;
}

/**
 * heap_dma_map_uncached() - &dma_buf_ops.map_dma_buf of uncached buffers
 * @attach:	the importer's attachment
 * @dir:	direction of the device's accesses
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 * Return: a table with one entry for each 4 GiB, for heap_dma_unmap_uncached(); or an
 * error pointer: -EOPNOTSUPP for a coherent device; -EIO when the device cannot address
 * the memory without a bounce copy; -ENOMEM; the error of dma_map_sgtable().
 */
struct sg_table *heap_dma_map_uncached(struct dma_buf_attachment *attach,
				       enum dma_data_direction dir)
{
	struct heap_buffer *buffer = attach->dmabuf->priv;
	struct heap_mapping *m;
	int ret;

	dma_resv_assert_held(attach->dmabuf->resv);

	ret = heap_dma_map_check_uncached(attach->dev, buffer);
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
 * heap_dma_unmap_uncached() - &dma_buf_ops.unmap_dma_buf of uncached buffers
 * @attach:	the importer's attachment
 * @table:	from heap_dma_map_uncached()
 * @dir:	the importer's direction; the one that was mapped counts
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 */
void heap_dma_unmap_uncached(struct dma_buf_attachment *attach, struct sg_table *table,
			     enum dma_data_direction dir)
{
	struct heap_mapping *m = container_of(table, struct heap_mapping, table);

	dma_resv_assert_held(attach->dmabuf->resv);

	dma_unmap_sgtable(m->dev, table, m->dir, HEAP_DMA_ATTRS);
	heap_mapping_destroy(m);
}
EXPORT_SYMBOL_NS_GPL(heap_dma_unmap_uncached, "DMABUF_HEAPS_CONTIG");
