/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A buffer piece by piece, for drivers that move bytes. Only DMA addresses and
 * lengths are looked at: it may be memory that has no pages.
 */
#ifndef _DMA_PIECE_H
#define _DMA_PIECE_H

#include <linux/minmax.h>
#include <linux/scatterlist.h>
#include <linux/types.h>

/*
 * How much of the @len bytes from @offset on has addresses in a row, and where
 * that begins. 0: the table is shorter than its buffer.
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
