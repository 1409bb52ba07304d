// SPDX-License-Identifier: GPL-2.0-only
/*
 * A DMA engine of the board as an importer that copies from one dma-buf to another,
 * for the tests. Works with any dmaengine driver that supports DMA_MEMCPY, for
 * example that of the BCM2835 and its successors.
 *
 * Ownership: an open file owns a channel. A copy owns its two buffers: they are
 * attached and mapped for the channel's device when the copy begins. They are
 * unmapped and detached after the engine has finished or has been stopped, when it
 * cannot access them any more.
 *
 * Lock order: copy_file.lock, then dma_buf.resv, which is not held while the engine
 * runs. copy_release() does not need copy_file.lock.
 */

#include <linux/completion.h>
#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/dmaengine.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dma_piece.h"
#include "dmaengine_copy.h"

static unsigned int timeout_ms = 60000;
module_param(timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms, "timeout of one transfer in milliseconds; 0 stops it at once");

/**
 * struct copy_file - an open file
 * @chan:	its DMA channel
 * @dev:	the device that does the DMA of @chan
 * @lock:	serializes ioctls; protects @idle
 * @idle:	attachment of a buffer that is never mapped, or NULL
 */
struct copy_file {
	struct dma_chan *chan;
	struct device *dev;
	struct mutex lock; /* dma_buf.resv nests inside */
	struct dma_buf_attachment *idle;
};

/**
 * struct copy_side - one of the two buffers of a copy
 * @attach:	the buffer's attachment to the engine's device
 * @table:	its mapping
 * @offset:	offset of the next byte to copy
 * @dir:	direction of the mapping
 */
struct copy_side {
	struct dma_buf_attachment *attach;
	struct sg_table *table;
	u64 offset;
	enum dma_data_direction dir;
};

/* The result of a transfer, written by its callback. */
struct copy_transfer {
	struct completion done;
	enum dmaengine_tx_result result;
};

static struct dma_buf_attachment *copy_attach(int fd, struct device *dev)
{
	struct dma_buf_attachment *attach;
	struct dma_buf *dmabuf;

	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return ERR_CAST(dmabuf);
	attach = dma_buf_attach(dmabuf, dev);
	if (IS_ERR(attach))
		dma_buf_put(dmabuf);
	return attach;
}

static void copy_detach(struct dma_buf_attachment *attach)
{
	struct dma_buf *dmabuf = attach->dmabuf;

	dma_buf_detach(dmabuf, attach);
	dma_buf_put(dmabuf);
}

/* Attaches and maps a range of a buffer; copy_side_put() undoes it. */
static int copy_side_get(struct copy_side *side, struct device *dev, int fd,
			 u64 offset, u64 len, enum dma_data_direction dir)
{
	u64 size;
	int ret;

	side->attach = copy_attach(fd, dev);
	if (IS_ERR(side->attach))
		return PTR_ERR(side->attach);
	size = side->attach->dmabuf->size;
	ret = -EINVAL;
	if (offset > size || len > size - offset)
		goto err_detach;
	side->offset = offset;
	side->dir = dir;
	side->table = dma_buf_map_attachment_unlocked(side->attach, dir);
	if (IS_ERR(side->table)) {
		ret = PTR_ERR(side->table);
		goto err_detach;
	}
	return 0;

err_detach:
	copy_detach(side->attach);
	return ret;
}

static void copy_side_put(struct copy_side *side)
{
	dma_buf_unmap_attachment_unlocked(side->attach, side->table, side->dir);
	copy_detach(side->attach);
}

static bool copy_overlaps(const struct copy_side *src, const struct copy_side *dst, u64 len)
{
	return src->attach->dmabuf == dst->attach->dmabuf &&
	       src->offset < dst->offset + len && dst->offset < src->offset + len;
}

static void copy_done(void *param, const struct dmaengine_result *result)
{
	struct copy_transfer *transfer = param;

	transfer->result = result->result;
	complete(&transfer->done);
}

static int copy_wait(struct copy_transfer *transfer)
{
	unsigned int ms = READ_ONCE(timeout_ms);
	long left = 0;

	if (ms)
		left = wait_for_completion_killable_timeout(&transfer->done,
							    msecs_to_jiffies(ms));
	if (left <= 0)
		return left ? left : -ETIMEDOUT;
	return transfer->result == DMA_TRANS_NOERROR ? 0 : -EIO;
}

/* On return, also with an error, the engine has stopped and no callback is pending. */
static int copy_run(struct dma_chan *chan, dma_addr_t dst, dma_addr_t src, size_t len)
{
	struct copy_transfer transfer = {
		.done = COMPLETION_INITIALIZER_ONSTACK(transfer.done),
	};
	struct dma_async_tx_descriptor *tx;
	int ret;

	tx = dmaengine_prep_dma_memcpy(chan, dst, src, len, DMA_PREP_INTERRUPT | DMA_CTRL_ACK);
	if (!tx)
		return -EIO;
	tx->callback_result = copy_done;
	tx->callback_param = &transfer;
	ret = dma_submit_error(dmaengine_submit(tx));
	if (!ret) {
		dma_async_issue_pending(chan);
		ret = copy_wait(&transfer);
	}
	if (ret)
		dmaengine_terminate_sync(chan);
	return ret;
}

/* The mappings of source and destination may be split at different offsets. */
static int copy_pieces(struct copy_file *file, struct copy_side *src, struct copy_side *dst,
		       u64 len)
{
	while (len) {
		dma_addr_t from, to;
		u64 piece = dma_piece(src->table, src->offset, len, &from);
		int ret;

		piece = dma_piece(dst->table, dst->offset, piece, &to);
		piece = min_t(u64, piece, dma_get_max_seg_size(file->dev));
		/* An exporter's mapping is shorter than its buffer. */
		if (!piece)
			return -EIO;
		ret = copy_run(file->chan, to, from, piece);
		if (ret)
			return ret;
		src->offset += piece;
		dst->offset += piece;
		len -= piece;
	}
	return 0;
}

static int copy_buffers(struct copy_file *file, struct dmaengine_copy *copy)
{
	struct copy_side src, dst;
	int ret;

	if (!copy->len)
		return -EINVAL;
	ret = copy_side_get(&src, file->dev, copy->src, copy->src_offset, copy->len,
			    DMA_TO_DEVICE);
	if (ret)
		return ret;
	ret = copy_side_get(&dst, file->dev, copy->dst, copy->dst_offset, copy->len,
			    DMA_FROM_DEVICE);
	if (ret)
		goto err_put_src;
	copy->src_addr = sg_dma_address(src.table->sgl);
	copy->dst_addr = sg_dma_address(dst.table->sgl);
	ret = -EINVAL;
	if (!copy_overlaps(&src, &dst, copy->len))
		ret = copy_pieces(file, &src, &dst, copy->len);

	copy_side_put(&dst);
err_put_src:
	copy_side_put(&src);
	return ret;
}

static long copy_ioctl_info(struct copy_file *file, void __user *user)
{
	struct dmaengine_copy_info info = {
		.flags = dev_is_dma_coherent(file->dev) ? DMAENGINE_COPY_COHERENT : 0,
	};

	return copy_to_user(user, &info, sizeof(info)) ? -EFAULT : 0;
}

static long copy_ioctl_attach(struct copy_file *file, void __user *user)
{
	struct dma_buf_attachment *attach;
	__s32 fd;

	if (copy_from_user(&fd, user, sizeof(fd)))
		return -EFAULT;
	if (file->idle)
		return -EBUSY;
	attach = copy_attach(fd, file->dev);
	if (IS_ERR(attach))
		return PTR_ERR(attach);
	file->idle = attach;
	return 0;
}

static long copy_ioctl_copy(struct copy_file *file, void __user *user)
{
	struct dmaengine_copy copy;
	int ret;

	if (copy_from_user(&copy, user, sizeof(copy)))
		return -EFAULT;
	ret = copy_buffers(file, &copy);
	if (!ret && copy_to_user(user, &copy, sizeof(copy)))
		ret = -EFAULT;
	return ret;
}

static long copy_ioctl_locked(struct copy_file *file, unsigned int cmd, void __user *user)
{
	switch (cmd) {
	case DMAENGINE_COPY_IOC_INFO:
		return copy_ioctl_info(file, user);
	case DMAENGINE_COPY_IOC_ATTACH:
		return copy_ioctl_attach(file, user);
	case DMAENGINE_COPY_IOC_COPY:
		return copy_ioctl_copy(file, user);
	}
	return -ENOTTY;
}

static long copy_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct copy_file *file = filp->private_data;
	long ret;

	if (mutex_lock_interruptible(&file->lock))
		return -ERESTARTSYS;
	ret = copy_ioctl_locked(file, cmd, (void __user *)arg);
	mutex_unlock(&file->lock);
	return ret;
}

static int copy_open(struct inode *inode, struct file *filp)
{
	struct copy_file *file;
	dma_cap_mask_t mask;
	int ret;

	file = kzalloc_obj(*file);
	if (!file)
		return -ENOMEM;
	dma_cap_zero(mask);
	dma_cap_set(DMA_MEMCPY, mask);
	file->chan = dma_request_chan_by_mask(&mask);
	if (IS_ERR(file->chan)) {
		ret = PTR_ERR(file->chan);
		goto err_free;
	}
	file->dev = dmaengine_get_dma_device(file->chan);
	mutex_init(&file->lock);
	filp->private_data = file;
	return nonseekable_open(inode, filp);

err_free:
	kfree(file);
	/* dmaengine returns EPROBE_DEFER if there is no engine, but open() is no probe. */
	return ret == -EPROBE_DEFER ? -ENODEV : ret;
}

static int copy_release(struct inode *inode, struct file *filp)
{
	struct copy_file *file = filp->private_data;

	if (file->idle)
		copy_detach(file->idle);
	dma_release_channel(file->chan);
	mutex_destroy(&file->lock);
	kfree(file);
	return 0;
}

static const struct file_operations copy_fops = {
	.owner = THIS_MODULE,
	.open = copy_open,
	.release = copy_release,
	.unlocked_ioctl = copy_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice copy_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dmaengine-copy",
	.fops = &copy_fops,
};
module_misc_device(copy_misc);

MODULE_DESCRIPTION("A DMA engine as an importer of dma-bufs, for tests");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
