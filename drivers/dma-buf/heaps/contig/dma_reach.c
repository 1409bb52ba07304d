// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether a device can address a buffer, and what its DMA addresses resolve to.
 *
 * The DMA API warns about a device without a mask and about memory that a device cannot
 * address. An import must not cause such a warning, so all of it is checked before the
 * buffer is mapped.
 */

#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/iommu-dma.h>
#include <linux/minmax.h>
#include <linux/swiotlb.h>

#include "contig_priv.h"

/* The highest DMA address of a device without an IOMMU. */
static u64 heap_dma_reach_limit(struct device *dev)
{
	return min_not_zero(dma_get_mask(dev), dev->bus_dma_limit);
}

/* Whether a device can work on the memory itself, without a bounce copy. */
bool heap_dma_reach_can_address(struct device *dev, const struct heap_buffer *buffer)
{
	dma_addr_t first, last;

	if (!dev->dma_mask || !*dev->dma_mask)
		return false;
	/* DMA operations of a device without an IOMMU domain are unknown. */
	if (use_dma_iommu(dev) || get_dma_ops(dev))
		return iommu_get_domain_for_dev(dev);
	if (is_swiotlb_force_bounce(dev))
		return false;
	/* Both ends: a bus may have different offsets for ranges of memory. */
	first = phys_to_dma(dev, buffer->phys);
	last = phys_to_dma(dev, buffer->phys + buffer->size - 1);
	return first != DMA_MAPPING_ERROR && last != DMA_MAPPING_ERROR &&
	       last - first == buffer->size - 1 && last <= heap_dma_reach_limit(dev);
}

/* Whether the device can address its bounce buffers. */
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

/* Whether a device can work on the memory itself or on a bounce copy. */
bool heap_dma_reach_can_map(struct device *dev, const struct heap_buffer *buffer)
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

/* The physical address behind a DMA address; PHYS_ADDR_MAX when it is not known. */
static phys_addr_t heap_dma_reach_phys(struct device *dev, dma_addr_t addr)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	if (!use_dma_iommu(dev) && !get_dma_ops(dev))
		return dma_to_phys(dev, addr);
	return domain ? iommu_iova_to_phys(domain, addr) : PHYS_ADDR_MAX;
}

/* Whether DMA addresses resolve to this memory, judged by both ends. */
bool heap_dma_reach_resolves_to(struct device *dev, dma_addr_t addr, phys_addr_t phys,
				size_t size)
{
	return heap_dma_reach_phys(dev, addr) == phys &&
	       heap_dma_reach_phys(dev, addr + size - 1) == phys + size - 1;
}
