/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ioctls on the dma-buf file, where the kernel hands them to the exporter. An
 * out-of-tree build is for a kernel that does not: its tables have no .ioctl.
 */
#ifndef _HEAP_IOCTL_H
#define _HEAP_IOCTL_H

#ifdef CONFIG_DMABUF_HEAPS_CONTIG_IOCTL

struct dma_buf;

long heap_vendor_ioctl(struct dma_buf *dmabuf, unsigned int cmd, unsigned long arg);

/* In a &struct dma_buf_ops. */
#define HEAP_IOCTL_OPS	.ioctl = heap_vendor_ioctl,

#else
#define HEAP_IOCTL_OPS
#endif

#endif /* _HEAP_IOCTL_H */
