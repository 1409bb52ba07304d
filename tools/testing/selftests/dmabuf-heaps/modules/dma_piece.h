/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Splits a mapped buffer into contiguous pieces, for drivers that transfer bytes.
 * Uses only DMA addresses and lengths, because the memory may have no struct pages.
 */
#ifndef _DMA_PIECE_H
#define _DMA_PIECE_H

#include <linux/minmax.h>
#include <linux/scatterlist.h>
#include <linux/types.h>

/*
 * Returns how many of the @len bytes at @offset have contiguous DMA addresses, and
 * in @addr the first of them. Returns 0 if the table is shorter than the buffer.
 */
static inline u64 dma_piece(struct sg_table *table, u64 offset, u64 len, dma_addr_t *addr)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(table, sg, i) {
		u64 here = sg_dma_len(sg);

		if (offset < here) {
			*addr = sg_dma_address(sg) + offset;
			return min(len, here - offset);
		}
		offset -= here;
	}
	return 0;
}

#endif /* _DMA_PIECE_H */
