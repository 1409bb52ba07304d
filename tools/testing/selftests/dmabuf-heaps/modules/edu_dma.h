/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/edu-dma: lets the tests read and write a dma-buf with QEMU's edu device. An
 * open file has at most one buffer, mapped for the card from EDU_DMA_IOC_IMPORT
 * until EDU_DMA_IOC_RELEASE or until the file is closed.
 */
#ifndef _EDU_DMA_H
#define _EDU_DMA_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The card is cache-coherent. */
#define EDU_DMA_COHERENT	1
/* The card is behind an IOMMU. */
#define EDU_DMA_IOMMU		2
/* The card is bounced: swiotlb=force, or a restricted pool. */
#define EDU_DMA_BOUNCES		4
/* Bounce copies and coherent allocations are in a restricted pool of the card. */
#define EDU_DMA_RESTRICTED	8

/**
 * struct edu_dma_info - properties of the card's DMA
 * @flags:	EDU_DMA_COHERENT, EDU_DMA_IOMMU, EDU_DMA_BOUNCES, EDU_DMA_RESTRICTED
 */
struct edu_dma_info {
	__u32 flags;
};

/* Access of the card to a buffer. */
#define EDU_DMA_READS		1
#define EDU_DMA_WRITES		2

/**
 * struct edu_dma_import - a buffer to map for the card
 * @fd:		file descriptor of a dma-buf
 * @access:	EDU_DMA_READS, EDU_DMA_WRITES or both
 * @mask_bits:	import with a DMA mask of this many bits; 0 for the card's own mask
 * @reserved:	0
 */
struct edu_dma_import {
	__s32 fd;
	__u32 access;
	__u32 mask_bits;
	__u32 reserved;
};

/**
 * struct edu_dma_transfer - bytes of the buffer that the card reads or writes
 * @offset:	in the buffer, in bytes
 * @len:	in bytes; the card needs 200 ms for 4088 bytes or less
 * @user:	user memory: destination of the bytes read, or source of those to write
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
