// SPDX-License-Identifier: GPL-2.0-only
/*
 * What vendors' libraries ask a dma-buf file for, on the buffers of every heap
 * here: NXP's physical address and Rockchip's partial sync. The numbers are ABI,
 * and so is that the first one is also a cache flush: libimxdmabuffer syncs with
 * nothing else.
 *
 * An address is given to every holder of the file, and what can be done with it
 * no file permission limits: CONFIG_DMABUF_HEAPS_CONTIG_PHYS_IOCTL is off unless asked
 * for. Nothing is pinned, because nothing moves.
 *
 * Locks: heap_cached.lock; user memory is copied outside it.
 */

#include <linux/dma-buf.h>
#include <linux/dma-buf-vendor.h>
#include <linux/export.h>
#include <linux/limits.h>
#include <linux/uaccess.h>

#include "heap_buffer.h"
#include "heap_cache.h"
#include "heap_ioctl.h"
#include "heap_range.h"

/* The number has the size of an unsigned long in it, the caller's. */
#define HEAP_IOCTL_PHYS_64	_IOW('b', 10, u64)
#define HEAP_IOCTL_PHYS_32	_IOW('b', 10, u32)

static long heap_vendor_ioctl_phys(struct dma_buf *dmabuf, void __user *user, bool wide)
{
	struct heap_buffer *buffer = dmabuf->priv;
	u64 phys = buffer->phys;
	int ret = 0;

	if (!IS_ENABLED(CONFIG_DMABUF_HEAPS_CONTIG_PHYS_IOCTL))
		return -ENOTTY;
	if (!wide && phys > U32_MAX)
		return -EOVERFLOW;
	/* What is not cached is never dirty, but may be in a write buffer still. */
	if (dmabuf->ops->begin_cpu_access == heap_cpu_access_begin)
		ret = heap_cpu_access_flush(heap_cached(buffer));
	else
		wmb(); /* before the caller starts a device, which is not ours to order */
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
 * heap_vendor_ioctl() - &dma_buf_ops.ioctl of every heap
 * @dmabuf:	the buffer
 * @cmd:	what is not the dma-buf core's
 * @arg:	the caller's, a pointer of the kernel's size
 *
 * Context: process context, may sleep. Takes heap_cached.lock.
 * Return: 0; -ENOTTY for an ioctl that is not known, or that the kernel was built
 * without; -EFAULT for a bad pointer; -EOVERFLOW when the address does not fit
 * into what the caller has for it; -ENOMEM; what heap_sync_range() says.
 */
long heap_vendor_ioctl(struct dma_buf *dmabuf, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case HEAP_IOCTL_PHYS_64:
		return heap_vendor_ioctl_phys(dmabuf, user, true);
	case HEAP_IOCTL_PHYS_32:
		return heap_vendor_ioctl_phys(dmabuf, user, false);
	case DMA_BUF_IOCTL_VENDOR_SYNC:
		return heap_vendor_ioctl_sync(dmabuf, user);
	default:
		return -ENOTTY;
	}
}
EXPORT_SYMBOL_NS_GPL(heap_vendor_ioctl, "DMABUF_HEAPS_CONTIG");
