/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/edu-dma: what the tests ask QEMU's edu device to do with a dma-buf. An
 * open file has at most one buffer, mapped for the card from IMPORT until
 * RELEASE or until it is closed.
 */
#ifndef _EDU_DMA_H
#define _EDU_DMA_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The CPU caches follow the card's transfers. */
#define EDU_DMA_COHERENT	1
/* An IOMMU translates for the card. */
#define EDU_DMA_IOMMU		2
/* The card works on a copy of every buffer: swiotlb=force, or a restricted pool. */
#define EDU_DMA_BOUNCES		4
/* Copies are in a pool of the card's own, and so is what its driver allocates. */
#define EDU_DMA_RESTRICTED	8

/**
 * struct edu_dma_info - how the card sees memory
 * @flags:	EDU_DMA_COHERENT, EDU_DMA_IOMMU, EDU_DMA_BOUNCES, EDU_DMA_RESTRICTED
 */
struct edu_dma_info {
	__u32 flags;
};

/* What the card may do with a buffer. */
#define EDU_DMA_READS		1
#define EDU_DMA_WRITES		2

/**
 * struct edu_dma_import - a buffer for the card
 * @fd:		a dma-buf
 * @access:	EDU_DMA_READS, EDU_DMA_WRITES or both
 * @mask_bits:	import as a card with so few address lines; 0 for all it has
 * @reserved:	0
 */
struct edu_dma_import {
	__s32 fd;
	__u32 access;
	__u32 mask_bits;
	__u32 reserved;
};

/**
 * struct edu_dma_transfer - bytes that the card reads or writes
 * @offset:	in the buffer
 * @len:	in bytes; the card takes 200 ms for each 4088 or less
 * @user:	address of what the card has seen, or shall write
 */
struct edu_dma_transfer {
	__u64 offset;
	__u64 len;
	__u64 user;
};

#define EDU_DMA_IOC_INFO	_IOR('E', 0, struct edu_dma_info)
#define EDU_DMA_IOC_IMPORT	_IOW('E', 1, struct edu_dma_import)
#define EDU_DMA_IOC_RELEASE	_IO('E', 2)
#define EDU_DMA_IOC_READ	_IOW('E', 3, struct edu_dma_transfer)
#define EDU_DMA_IOC_WRITE	_IOW('E', 4, struct edu_dma_transfer)

#endif /* _EDU_DMA_H */
