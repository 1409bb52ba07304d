// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ioctls on the dma-buf file that vendors' libraries use, for buffers of all heaps here:
 * NXP's physical address and Rockchip's partial sync. Their numbers are ABI, and so is the
 * cache flush that comes with NXP's ioctl: libimxdmabuffer syncs by nothing else.
 *
 * Every holder of the dma-buf file gets the address, and no file permission limits its use
 * with a device, so CONFIG_DMABUF_HEAPS_CONTIG_PHYS_IOCTL is off by default. The buffer is
 * not pinned, because its memory never moves.
 *
 * Only a kernel whose dma-buf core hands ioctls to the exporter builds this file.
 *
 * Locks: heap_cached.lock; user memory is accessed without it.
 */

#include <linux/dma-buf.h>
#include <linux/dma-buf-vendor.h>
#include <linux/export.h>
#include <linux/limits.h>
#include <linux/uaccess.h>

#include "contig_priv.h"

/* The number encodes the size of the caller's unsigned long. */
#define HEAP_VENDOR_IOCTL_PHYS_64	_IOW('b', 10, u64)
#define HEAP_VENDOR_IOCTL_PHYS_32	_IOW('b', 10, u32)

static long heap_vendor_ioctl_phys(struct dma_buf *dmabuf, void __user *user, bool wide)
{
	struct heap_buffer *buffer = dmabuf->priv;
	u64 phys = buffer->phys;
	int ret = 0;

	if (!IS_ENABLED(CONFIG_DMABUF_HEAPS_CONTIG_PHYS_IOCTL))
		return -ENOTTY;
	if (!wide && phys > U32_MAX)
		return -EOVERFLOW;
	if (heap_cpu_access_is_cached(dmabuf))
		ret = heap_cpu_access_flush(heap_cached(buffer));
	else
		wmb(); /* orders write-combined stores before the start of a device elsewhere */
	if (ret)
		return ret;
	if (wide)
		return put_user(phys, (u64 __user *)user);
	return put_user((u32)phys, (u32 __user *)user);
}

static long heap_vendor_ioctl_sync(struct dma_buf *dmabuf, void __user *user)
{
	struct dma_buf_vendor_sync sync;

	if (copy_from_user(&sync, user, sizeof(sync)))
		return -EFAULT;
	return heap_sync_range(dmabuf, sync.flags, sync.offset, sync.len);
}

/**
 * heap_vendor_ioctl() - &dma_buf_ops.ioctl of all heaps
 * @dmabuf:	the buffer
 * @cmd:	an ioctl that the dma-buf core does not know
 * @arg:	the caller's argument, converted to a pointer of the kernel's size
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 * Return: 0; -ENOTTY for an unknown ioctl or one that is not configured; -EFAULT for a bad
 * pointer; -EOVERFLOW when the address does not fit into the caller's type; -ENOMEM; the
 * error of heap_sync_range().
 */
long heap_vendor_ioctl(struct dma_buf *dmabuf, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case HEAP_VENDOR_IOCTL_PHYS_64:
		return heap_vendor_ioctl_phys(dmabuf, user, true);
	case HEAP_VENDOR_IOCTL_PHYS_32:
		return heap_vendor_ioctl_phys(dmabuf, user, false);
	case DMA_BUF_IOCTL_VENDOR_SYNC:
		return heap_vendor_ioctl_sync(dmabuf, user);
	default:
		return -ENOTTY;
	}
}
EXPORT_SYMBOL_NS_GPL(heap_vendor_ioctl, "DMABUF_HEAPS_CONTIG");
