/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free extents of a region, of which a part is zero already: how they are found,
 * cut and joined. Nobody locks here; heap_pool.c does.
 */
#ifndef _HEAP_EXTENT_H
#define _HEAP_EXTENT_H

#include <linux/list.h>
#include <linux/sizes.h>
#include <linux/types.h>

/* What is not joined with others, nor cut for much less, where it is crowded. */
#define HEAP_EXTENT_LARGE	SZ_1M

/**
 * struct heap_extent - contiguous memory that is in use, or kept for the next user;
 *	the first member of the buffer that it is the memory of
 * @node:	among the free ones of its region
 * @phys:	physical address, a multiple of PAGE_SIZE
 * @size:	bytes, a multiple of PAGE_SIZE
 * @zeroed:	so many bytes from its beginning on are zero, in memory too, and no
 *		line of them is dirty
 * @since:	when it became free, in jiffies
 * @checked:	nobody else holds a page of it
 */
struct heap_extent {
	struct list_head node;
	phys_addr_t phys;
	size_t size;
	size_t zeroed;
	unsigned long since;
	bool checked;
};

/**
 * struct heap_extents - free extents, in the order of their addresses
 * @list:	&struct heap_extent.node; those that touch are one if they can be
 * @bytes:	of all of them
 * @zeroed:	bytes of them that are zero
 * @count:	how many
 * @object:	bytes of what each is the first member of
 */
struct heap_extents {
	struct list_head list;
	size_t bytes;
	size_t zeroed;
	unsigned int count;
	size_t object;
};

static inline bool heap_extent_is_clean(const struct heap_extent *extent)
{
	return extent->zeroed == extent->size;
}

void heap_extent_init(struct heap_extents *extents, size_t object);
void heap_extent_insert(struct heap_extents *extents, struct heap_extent *extent,
			bool crowded);
void heap_extent_remove(struct heap_extents *extents, struct heap_extent *extent);
struct heap_extent *heap_extent_carve(struct heap_extents *extents, size_t size, size_t align,
				      bool crowded);
struct heap_extent *heap_extent_unfinished(struct heap_extents *extents);
struct heap_extent *heap_extent_oldest(struct heap_extents *extents);
void heap_extent_trim(struct heap_extents *extents, struct heap_extent *extent, size_t size);

#endif /* _HEAP_EXTENT_H */
