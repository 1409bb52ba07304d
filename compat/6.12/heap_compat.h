/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel interfaces that the heaps use and that Linux 6.12 lacks or has under
 * another name. The compiler includes this file before everything else (-include).
 */
#ifndef _HEAP_COMPAT_H
#define _HEAP_COMPAT_H

/*
 * The headers below include printk.h, so pr_fmt() has to be defined here already;
 * files that log define it again, with the same text.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cma.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/pfn_t.h>
#include <linux/slab.h>

/* Linux 6.12 takes namespaces as tokens, later kernels as strings. */
#undef EXPORT_SYMBOL_NS_GPL
#define EXPORT_SYMBOL_NS_GPL(sym, ns)	__EXPORT_SYMBOL(sym, "GPL", ns)
#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns)		MODULE_INFO(import_ns, ns)

/* Only later stable releases of 6.12 have these. The last argument is optional. */
#ifndef kzalloc_obj
#define HEAP_COMPAT_GFP(zero, gfp, ...)	((zero) | (gfp))
#define kzalloc_obj(obj, ...) \
	kzalloc(sizeof(obj), HEAP_COMPAT_GFP(0, ##__VA_ARGS__, GFP_KERNEL))
#define kvmalloc_objs(obj, count, ...) \
	kvmalloc_array(count, sizeof(obj), HEAP_COMPAT_GFP(0, ##__VA_ARGS__, GFP_KERNEL))
#endif

/* In Linux 6.12, kthread_create_worker() also starts the worker. */
#ifndef kthread_run_worker
#define kthread_run_worker	kthread_create_worker
#endif

/* DMA_API_DEBUG of Linux 6.12 accepts overlapping DMA_ATTR_SKIP_CPU_SYNC mappings. */
#ifndef DMA_ATTR_DEBUGGING_IGNORE_CACHELINES
#define DMA_ATTR_DEBUGGING_IGNORE_CACHELINES	0
#endif

/* Never passed to the DMA API of Linux 6.12, which has dma_map_resource() instead. */
#ifndef DMA_ATTR_MMIO
#define DMA_ATTR_MMIO	BIT(31)

static inline dma_addr_t dma_map_phys(struct device *dev, phys_addr_t phys, size_t size,
				      enum dma_data_direction dir, unsigned long attrs)
{
	if (attrs & DMA_ATTR_MMIO)
		return dma_map_resource(dev, phys, size, dir, attrs & ~DMA_ATTR_MMIO);
	return dma_map_page_attrs(dev, pfn_to_page(PHYS_PFN(phys)), offset_in_page(phys),
				  size, dir, attrs);
}

static inline void dma_unmap_phys(struct device *dev, dma_addr_t addr, size_t size,
				  enum dma_data_direction dir, unsigned long attrs)
{
	if (attrs & DMA_ATTR_MMIO)
		dma_unmap_resource(dev, addr, size, dir, attrs & ~DMA_ATTR_MMIO);
	else
		dma_unmap_page_attrs(dev, addr, size, dir, attrs);
}
#endif

/* Linux 6.12 has a pfn_t type for page frame numbers. */
#define vmf_insert_pfn_pmd(vmf, pfn, write) \
	vmf_insert_pfn_pmd(vmf, __pfn_to_pfn_t(pfn, PFN_DEV), write)

static inline void heap_compat_set_dma_coherent(struct device *dev, bool coherent)
{
#if defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_DEVICE) || \
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU) || \
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU_ALL)
	dev->dma_coherent = coherent;
#endif
}

static inline void dev_clear_dma_coherent(struct device *dev)
{
	heap_compat_set_dma_coherent(dev, false);
}

static inline void dev_set_dma_coherent(struct device *dev)
{
	heap_compat_set_dma_coherent(dev, true);
}

/**
 * struct heap_compat_walk - search for a CMA area by its index
 * @left:	number of areas to skip
 * @found:	the area, or NULL
 */
struct heap_compat_walk {
	unsigned int left;
	struct cma *found;
};

/* hugetlb has CMA areas too; dma_contiguous_get_area_by_idx() does not return them. */
static inline bool heap_compat_is_for_devices(const struct cma *cma)
{
	struct device_node *np, *parent;
	struct reserved_mem *rmem;
	bool found = cma == dev_get_cma_area(NULL);

	parent = of_find_node_by_path("/reserved-memory");
	for_each_child_of_node(parent, np) {
		rmem = of_reserved_mem_lookup(np);
		found |= rmem && rmem->priv == cma;
	}
	of_node_put(parent);
	return found;
}

static inline int heap_compat_walk_area(struct cma *cma, void *data)
{
	struct heap_compat_walk *walk = data;

	if (!heap_compat_is_for_devices(cma) || walk->left--)
		return 0;
	walk->found = cma;
	return 1;
}

static inline struct cma *dma_contiguous_get_area_by_idx(unsigned int idx)
{
	struct heap_compat_walk walk = { .left = idx };

	cma_for_each_area(heap_compat_walk_area, &walk);
	return walk.found;
}

#endif /* _HEAP_COMPAT_H */
