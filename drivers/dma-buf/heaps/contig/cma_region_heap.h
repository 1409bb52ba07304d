/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions of the CMA heap driver that KUnit tests call.
 */
#ifndef _CMA_REGION_HEAP_H
#define _CMA_REGION_HEAP_H

#include <linux/types.h>

struct device_node;
struct reserved_mem;

#if IS_ENABLED(CONFIG_KUNIT)
bool cma_region_heap_wants(const struct device_node *np);
const char *cma_region_heap_why_not(struct device_node *np,
				    const struct reserved_mem *rmem);
#endif

#endif /* _CMA_REGION_HEAP_H */
