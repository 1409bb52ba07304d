// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/dma-buf-sync: CPU accesses to a part of a buffer, so that 4 KiB of 64 MiB cost
 * as much as 4 KiB.
 *
 * A module cannot add an ioctl to the dma-buf file, so this is a device of its own. It is
 * open to all users: a process that holds a dma-buf can sync it anyway, and the device
 * gives access to no other buffer. It keeps no state between two calls.
 *
 * Parts are synced for cached buffers of these heaps. Other buffers are synced as a whole
 * by their exporter.
 */

#include <linux/compat.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-sync.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include <uapi/linux/dma-buf.h>

#include "contig_priv.h"

static enum dma_data_direction heap_sync_range_direction(u64 flags)
{
	switch (flags & DMA_BUF_SYNC_RW) {
	case DMA_BUF_SYNC_READ:
		return DMA_FROM_DEVICE;
	case DMA_BUF_SYNC_WRITE:
		return DMA_TO_DEVICE;
	case DMA_BUF_SYNC_RW:
		return DMA_BIDIRECTIONAL;
	}
	return DMA_NONE;
}

static int heap_sync_range_begin(struct dma_buf *dmabuf, enum dma_data_direction dir,
				 size_t offset, size_t len)
{
	if (heap_cpu_access_is_cached(dmabuf))
		return heap_cpu_access_begin_range(dmabuf, dir, offset, len);
	return dma_buf_begin_cpu_access(dmabuf, dir);
}

static int heap_sync_range_end(struct dma_buf *dmabuf, enum dma_data_direction dir,
			       size_t offset, size_t len)
{
	if (heap_cpu_access_is_cached(dmabuf))
		return heap_cpu_access_end_range(dmabuf, dir, offset, len);
	return dma_buf_end_cpu_access(dmabuf, dir);
}

/**
 * heap_sync_range() - begin or end a CPU access to a part of a dma-buf
 * @dmabuf:	a buffer of any exporter
 * @flags:	as for DMA_BUF_IOCTL_SYNC
 * @offset:	begin of the part, in bytes
 * @len:	its length in bytes
 *
 * Context: process context, may sleep; dma_buf.resv is not held.
 * Return: 0; -EINVAL for invalid flags or a range that is empty or not within the buffer;
 * -ERESTARTSYS when a signal interrupted the wait for the fences of devices; the
 * exporter's error.
 */
int heap_sync_range(struct dma_buf *dmabuf, u64 flags, u64 offset, u64 len)
{
	enum dma_data_direction dir = heap_sync_range_direction(flags);

	if (flags & ~DMA_BUF_SYNC_VALID_FLAGS_MASK || dir == DMA_NONE)
		return -EINVAL;
	if (!len || offset > dmabuf->size || len > dmabuf->size - offset)
		return -EINVAL;
	if (flags & DMA_BUF_SYNC_END)
		return heap_sync_range_end(dmabuf, dir, offset, len);
	return heap_sync_range_begin(dmabuf, dir, offset, len);
}

static int heap_sync_range_get(struct dma_buf_sync_range *range, void __user *user)
{
	u32 size;

	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < sizeof(*range))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(range, sizeof(*range), user, size);
}

static long heap_sync_range_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct dma_buf_sync_range range;
	struct dma_buf *dmabuf;
	int ret;

	if (cmd != DMA_BUF_SYNC_RANGE)
		return -ENOTTY;
	ret = heap_sync_range_get(&range, (void __user *)arg);
	if (ret)
		return ret;
	dmabuf = dma_buf_get(range.fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = heap_sync_range(dmabuf, range.flags, range.offset, range.len);
	dma_buf_put(dmabuf);
	return ret;
}

static const struct file_operations heap_sync_range_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.unlocked_ioctl = heap_sync_range_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice heap_sync_range_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dma-buf-sync",
	.fops = &heap_sync_range_fops,
	.mode = 0666,
};
module_misc_device(heap_sync_range_misc);
