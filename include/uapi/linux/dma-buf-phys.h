/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/dma-buf-phys: the physical address of a dma-buf of any exporter.
 * Documentation/admin-guide/dma-buf-phys.rst describes the permissions of the
 * node and the use of physical addresses.
 *
 * The structs are extensible. @size is sizeof() of the struct that the program
 * was compiled with, at least the size of the first version and at most a page.
 * If the program's struct is longer than the kernel's, the bytes that the kernel
 * does not know have to be zero.
 */
#ifndef _UAPI_LINUX_DMA_BUF_PHYS_H
#define _UAPI_LINUX_DMA_BUF_PHYS_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Maximum number of buffers that one open file pins with DMA_BUF_PHYS_IOC_GET. */
#define DMA_BUF_PHYS_MAX	1024

/**
 * struct dma_buf_phys_get - the physical address of a pinned buffer
 * @size:	in: sizeof(struct dma_buf_phys_get)
 * @flags:	in: 0
 * @fd:		in: file descriptor of the dma-buf
 * @reserved:	in: 0
 * @phys:	out: the physical address of the first byte; 0 is a valid address
 * @len:	out: the length of the buffer in bytes, contiguous from @phys on
 */
struct dma_buf_phys_get {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 reserved;
	__aligned_u64 phys;
	__aligned_u64 len;
};

#define DMA_BUF_PHYS_GET_SIZE_VER0	32

/**
 * struct dma_buf_phys_put - unpin a buffer
 * @size:	in: sizeof(struct dma_buf_phys_put)
 * @flags:	in: 0
 * @fd:		in: any file descriptor of a dma-buf that this file has pinned
 * @reserved:	in: 0
 */
struct dma_buf_phys_put {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 reserved;
};

#define DMA_BUF_PHYS_PUT_SIZE_VER0	16

/**
 * DMA_BUF_PHYS_IOC_GET - pin a buffer and get its physical address
 *
 * When a file gets the address of a buffer for the first time, the CPU caches
 * are clean if the exporter cleans them when it maps for a device, as the heaps
 * do. With other exporters the program calls DMA_BUF_IOCTL_SYNC. The buffer stays
 * pinned, even after its last fd is closed, until DMA_BUF_PHYS_IOC_PUT has undone
 * each DMA_BUF_PHYS_IOC_GET or the file is closed.
 *
 * Return: 0, or -1 with errno: EINVAL if the buffer is not contiguous, @fd is no
 * dma-buf, a flag is unknown or @size is too small; E2BIG if the struct is longer
 * than a page or has non-zero bytes that this kernel does not know; EBADF; EFAULT;
 * EMFILE if the file has pinned DMA_BUF_PHYS_MAX buffers; ENOMEM; or the error of
 * the exporter if it refuses the device.
 */
#define DMA_BUF_PHYS_IOC_GET	_IO('D', 0x60)

/**
 * DMA_BUF_PHYS_IOC_PUT - undo one DMA_BUF_PHYS_IOC_GET
 *
 * Return: 0, or -1 with errno: ENOENT if this file has not pinned the buffer;
 * EINVAL, E2BIG, EBADF and EFAULT as for DMA_BUF_PHYS_IOC_GET.
 */
#define DMA_BUF_PHYS_IOC_PUT	_IO('D', 0x61)

#endif /* _UAPI_LINUX_DMA_BUF_PHYS_H */
