/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A list of recycled extents that is searched, cut and joined. The caller locks.
 */
#ifndef _CONTIG_EXTENT_H
#define _CONTIG_EXTENT_H

#include <linux/list.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "contig_heap.h"

/* In a tight region, extents of this size or more are neither joined nor cut for less. */
#define HEAP_EXTENT_LARGE	SZ_1M

/**
 * struct heap_extents - recycled extents, in the order of their addresses
 * @list:	&struct heap_extent.node
 * @bytes:	of all of them
 * @zeroed:	bytes of them that are zeroed
 * @count:	number of extents
 * @object_size: size of the structure of which each extent is the first member
 */
struct heap_extents {
	struct list_head list;
	size_t bytes;
	size_t zeroed;
	unsigned int count;
	size_t object_size;
};

void heap_extent_init(struct heap_extents *extents, size_t object_size);
void heap_extent_insert(struct heap_extents *extents, struct heap_extent *extent, bool tight);
void heap_extent_remove(struct heap_extents *extents, struct heap_extent *extent);
struct heap_extent *heap_extent_carve(struct heap_extents *extents, size_t size, size_t align,
				      bool tight);
struct heap_extent *heap_extent_take_unzeroed(struct heap_extents *extents);
struct heap_extent *heap_extent_oldest(struct heap_extents *extents);
void heap_extent_trim(struct heap_extents *extents, struct heap_extent *extent, size_t size);

#endif /* _CONTIG_EXTENT_H */
