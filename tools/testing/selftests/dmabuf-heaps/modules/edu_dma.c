// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's PCI device "edu" as an importer that reads and writes dma-bufs, for the
 * tests: `qemu -device edu,dma_mask=0xffffffffff`, see docs/specs/edu.rst of QEMU.
 *
 * The card has 4 KiB of memory, and a DMA engine that copies between it and RAM.
 * The CPU cannot read the card's memory, so a read of a buffer needs a second
 * transfer, from the card to a coherent page of this driver.
 *
 * Ownership: an open file owns its attachment and mapping, until edu_remove() drops
 * them. The card's state lives until it is removed and all files are closed.
 *
 * Lock order: edu.lock, then dma_buf.resv or mmap_lock.
 */

#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/iopoll.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/swiotlb.h>
#include <linux/uaccess.h>

#include "dma_piece.h"
#include "edu_dma.h"

#define EDU_VENDOR_ID	0x1234
#define EDU_DEVICE_ID	0x11e8

#define EDU_REG_ID	0x00
#define EDU_REG_SRC	0x80
#define EDU_REG_DST	0x88
#define EDU_REG_COUNT	0x90
#define EDU_REG_CMD	0x98

#define EDU_CMD_RUN	BIT(0)
#define EDU_CMD_TO_CARD	0
#define EDU_CMD_TO_HOST	BIT(1)

/* Address of the card's memory for its DMA engine. */
#define EDU_CARD	0x40000
#define EDU_CARD_SIZE	SZ_4K
/* Debian 12's QEMU 7.2 aborts on a transfer of the card's last byte. */
#define EDU_PIECE	(EDU_CARD_SIZE - 8)

/* An address register takes a single write, which has 32 bits on a 32-bit CPU. */
#ifdef CONFIG_64BIT
#define EDU_MASK_BITS	40
#define edu_write	writeq
#else
#define EDU_MASK_BITS	32
#define edu_write	writel
#endif

static unsigned int timeout_ms = 5000;
module_param(timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms, "timeout of one transfer in milliseconds");

/**
 * struct edu - the state of a card
 * @pdev:	the PCI device
 * @regs:	its registers
 * @page:	a coherent page for transfers between the CPU and the card
 * @page_dma:	DMA address of @page
 * @misc:	/dev/edu-dma
 * @refs:	one reference of the PCI device, and one for each open file
 * @lock:	serializes transfers; protects the members below, and the
 *		attachment and mapping of each file
 * @files:	open files
 * @gone:	the card has been removed
 */
struct edu {
	struct pci_dev *pdev;
	void __iomem *regs;
	void *page;
	dma_addr_t page_dma;
	struct miscdevice misc;
	struct kref refs;
	struct mutex lock; /* dma_buf.resv and mmap_lock nest inside */
	struct list_head files;
	bool gone;
};

/**
 * struct edu_file - an open file and its buffer
 * @edu:	the card
 * @node:	entry in edu.files
 * @attach:	the buffer's attachment, or NULL
 * @table:	its mapping
 * @dir:	direction of the mapping
 */
struct edu_file {
	struct edu *edu;
	struct list_head node;
	struct dma_buf_attachment *attach;
	struct sg_table *table;
	enum dma_data_direction dir;
};

static int edu_wait(struct edu *edu)
{
	u32 cmd;

	return read_poll_timeout(readl, cmd, !(cmd & EDU_CMD_RUN), 2000,
				 (u64)timeout_ms * USEC_PER_MSEC, false,
				 edu->regs + EDU_REG_CMD);
}

static int edu_move(struct edu *edu, u32 way, dma_addr_t from, dma_addr_t to,
		    size_t len)
{
	int ret = edu_wait(edu); /* a transfer that timed out may still run */

	if (ret)
		return ret;
	pci_set_master(edu->pdev);
	edu_write(from, edu->regs + EDU_REG_SRC);
	edu_write(to, edu->regs + EDU_REG_DST);
	edu_write(len, edu->regs + EDU_REG_COUNT);
	writel(EDU_CMD_RUN | way, edu->regs + EDU_REG_CMD);
	ret = edu_wait(edu);
	/* The card cannot be stopped, but it cannot do DMA without bus mastering. */
	if (ret)
		pci_clear_master(edu->pdev);
	return ret;
}

static int edu_to_card(struct edu *edu, dma_addr_t from, size_t len)
{
	return edu_move(edu, EDU_CMD_TO_CARD, from, EDU_CARD, len);
}

static int edu_to_host(struct edu *edu, dma_addr_t to, size_t len)
{
	return edu_move(edu, EDU_CMD_TO_HOST, EDU_CARD, to, len);
}

/* Reads from the buffer into the card, and from there into user memory. */
static int edu_read_piece(struct edu *edu, dma_addr_t addr, void __user *user, size_t len)
{
	int ret = edu_to_card(edu, addr, len);

	if (!ret)
		ret = edu_to_host(edu, edu->page_dma, len);
	if (!ret && copy_to_user(user, edu->page, len))
		ret = -EFAULT;
	return ret;
}

static int edu_write_piece(struct edu *edu, dma_addr_t addr, void __user *user, size_t len)
{
	int ret;

	if (copy_from_user(edu->page, user, len))
		return -EFAULT;
	ret = edu_to_card(edu, edu->page_dma, len);
	if (!ret)
		ret = edu_to_host(edu, addr, len);
	return ret;
}

static int edu_transfer(struct edu_file *file, struct edu_dma_transfer t,
			int (*move)(struct edu *edu, dma_addr_t addr,
				    void __user *user, size_t len))
{
	u64 size = file->attach->dmabuf->size;

	if (t.offset > size || t.len > size - t.offset)
		return -EINVAL;
	while (t.len) {
		dma_addr_t addr;
		size_t piece = dma_piece(file->table, t.offset, min_t(u64, t.len, EDU_PIECE),
					 &addr);
		int ret;

		/* The exporter's mapping is shorter than its buffer. */
		if (!piece)
			return -EIO;
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = move(file->edu, addr, u64_to_user_ptr(t.user), piece);
		if (ret)
			return ret;
		t.offset += piece;
		t.user += piece;
		t.len -= piece;
	}
	return 0;
}

static void edu_drop(struct edu_file *file)
{
	struct dma_buf_attachment *attach = file->attach;
	struct dma_buf *dmabuf;

	if (!attach)
		return;
	dmabuf = attach->dmabuf;
	dma_buf_unmap_attachment_unlocked(attach, file->table, file->dir);
	dma_buf_detach(dmabuf, attach);
	dma_buf_put(dmabuf);
	file->attach = NULL;
}

/*
 * Writes the mask directly, like a driver that never called dma_set_mask(): this
 * refuses a mask that is too small, but the tests need to see the exporter refuse it.
 */
static struct sg_table *edu_map(struct edu *edu, struct dma_buf_attachment *attach,
				enum dma_data_direction dir, unsigned int mask_bits)
{
	u64 *mask = edu->pdev->dev.dma_mask;
	u64 before = *mask;
	struct sg_table *table;

	if (mask_bits)
		*mask = DMA_BIT_MASK(mask_bits);
	table = dma_buf_map_attachment_unlocked(attach, dir);
	*mask = before;
	return table;
}

static int edu_import(struct edu_file *file, const struct edu_dma_import *import)
{
	static const enum dma_data_direction dirs[] = {
		[EDU_DMA_READS] = DMA_TO_DEVICE,
		[EDU_DMA_WRITES] = DMA_FROM_DEVICE,
		[EDU_DMA_READS | EDU_DMA_WRITES] = DMA_BIDIRECTIONAL,
	};
	struct dma_buf_attachment *attach;
	struct dma_buf *dmabuf;
	int ret;

	if (!import->access || import->access >= ARRAY_SIZE(dirs) ||
	    import->mask_bits > EDU_MASK_BITS || import->reserved)
		return -EINVAL;
	if (file->attach)
		return -EBUSY;

	dmabuf = dma_buf_get(import->fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	attach = dma_buf_attach(dmabuf, &file->edu->pdev->dev);
	if (IS_ERR(attach)) {
		ret = PTR_ERR(attach);
		goto err_put;
	}
	file->dir = dirs[import->access];
	file->table = edu_map(file->edu, attach, file->dir, import->mask_bits);
	if (IS_ERR(file->table)) {
		ret = PTR_ERR(file->table);
		goto err_detach;
	}
	file->attach = attach;
	return 0;

err_detach:
	dma_buf_detach(dmabuf, attach);
err_put:
	dma_buf_put(dmabuf);
	return ret;
}

static u32 edu_flags(struct edu *edu)
{
	struct device *dev = &edu->pdev->dev;
	u32 flags = 0;

	if (dev_is_dma_coherent(dev))
		flags |= EDU_DMA_COHERENT;
	if (device_iommu_mapped(dev))
		flags |= EDU_DMA_IOMMU;
	else if (is_swiotlb_force_bounce(dev))
		flags |= EDU_DMA_BOUNCES;
	if (is_swiotlb_for_alloc(dev))
		flags |= EDU_DMA_RESTRICTED;
	return flags;
}

static long edu_ioctl_info(struct edu_file *file, void __user *user)
{
	struct edu_dma_info info = { .flags = edu_flags(file->edu) };

	return copy_to_user(user, &info, sizeof(info)) ? -EFAULT : 0;
}

static long edu_ioctl_import(struct edu_file *file, void __user *user)
{
	struct edu_dma_import import;

	if (copy_from_user(&import, user, sizeof(import)))
		return -EFAULT;
	return edu_import(file, &import);
}

static long edu_ioctl_release(struct edu_file *file)
{
	if (!file->attach)
		return -ENXIO;
	edu_drop(file);
	return 0;
}

static long edu_ioctl_transfer(struct edu_file *file, void __user *user, bool write)
{
	struct edu_dma_transfer transfer;

	if (copy_from_user(&transfer, user, sizeof(transfer)))
		return -EFAULT;
	if (!file->attach)
		return -ENXIO;
	/* A transfer must not go against the direction of the mapping. */
	if (file->dir == (write ? DMA_TO_DEVICE : DMA_FROM_DEVICE))
		return -EACCES;
	return edu_transfer(file, transfer, write ? edu_write_piece : edu_read_piece);
}

static long edu_ioctl_locked(struct edu_file *file, unsigned int cmd, void __user *user)
{
	if (file->edu->gone)
		return -ENODEV;
	switch (cmd) {
	case EDU_DMA_IOC_INFO:
		return edu_ioctl_info(file, user);
	case EDU_DMA_IOC_IMPORT:
		return edu_ioctl_import(file, user);
	case EDU_DMA_IOC_RELEASE:
		return edu_ioctl_release(file);
	case EDU_DMA_IOC_READ:
		return edu_ioctl_transfer(file, user, false);
	case EDU_DMA_IOC_WRITE:
		return edu_ioctl_transfer(file, user, true);
	}
	return -ENOTTY;
}

static long edu_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct edu_file *file = filp->private_data;
	long ret;

	if (mutex_lock_interruptible(&file->edu->lock))
		return -ERESTARTSYS;
	ret = edu_ioctl_locked(file, cmd, (void __user *)arg);
	mutex_unlock(&file->edu->lock);
	return ret;
}

static void edu_free(struct kref *refs)
{
	struct edu *edu = container_of(refs, struct edu, refs);

	mutex_destroy(&edu->lock);
	kfree(edu);
}

/* The misc core calls no open() after misc_deregister(). */
static int edu_open(struct inode *inode, struct file *filp)
{
	struct edu *edu = container_of(filp->private_data, struct edu, misc);
	struct edu_file *file;

	file = kzalloc_obj(*file);
	if (!file)
		return -ENOMEM;
	kref_get(&edu->refs);
	file->edu = edu;
	filp->private_data = file;

	mutex_lock(&edu->lock);
	list_add(&file->node, &edu->files);
	mutex_unlock(&edu->lock);
	return nonseekable_open(inode, filp);
}

static int edu_release(struct inode *inode, struct file *filp)
{
	struct edu_file *file = filp->private_data;
	struct edu *edu = file->edu;

	mutex_lock(&edu->lock);
	edu_drop(file);
	list_del(&file->node);
	mutex_unlock(&edu->lock);
	kfree(file);
	kref_put(&edu->refs, edu_free);
	return 0;
}

static const struct file_operations edu_fops = {
	.owner = THIS_MODULE,
	.open = edu_open,
	.release = edu_release,
	.unlocked_ioctl = edu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/*
 * If QEMU's dma_mask is too small, the card silently uses a truncated address. The
 * check copies the same bytes there and back, so that it changes no memory.
 */
static int edu_check(struct edu *edu)
{
	const u64 token = 0x0123456789abcdefULL;
	int ret;

	memcpy(edu->page, &token, sizeof(token));
	ret = edu_to_card(edu, edu->page_dma, sizeof(token));
	if (ret)
		return ret;
	memset(edu->page, 0, sizeof(token));
	ret = edu_to_host(edu, edu->page_dma, sizeof(token));
	if (ret)
		return ret;
	return memcmp(edu->page, &token, sizeof(token)) ? -EIO : 0;
}

static int edu_setup(struct edu *edu)
{
	struct pci_dev *pdev = edu->pdev;
	struct device *dev = &pdev->dev;
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	edu->regs = pcim_iomap_region(pdev, 0, KBUILD_MODNAME);
	if (IS_ERR(edu->regs))
		return PTR_ERR(edu->regs);
	if ((readl(edu->regs + EDU_REG_ID) & 0xffff) != 0x00ed)
		return dev_err_probe(dev, -ENODEV, "not an edu card\n");
	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(EDU_MASK_BITS));
	if (ret)
		return ret;
	dma_set_max_seg_size(dev, UINT_MAX); /* edu_transfer() splits segments */
	edu->page = dmam_alloc_coherent(dev, EDU_CARD_SIZE, &edu->page_dma, GFP_KERNEL);
	if (!edu->page)
		return -ENOMEM;
	ret = edu_check(edu);
	if (ret)
		return dev_err_probe(dev, ret,
				     "DMA test failed: start QEMU with -device edu,dma_mask=%#llx\n",
				     DMA_BIT_MASK(EDU_MASK_BITS));
	return 0;
}

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct edu *edu;
	u32 flags;
	int ret;

	edu = kzalloc_obj(*edu);
	if (!edu)
		return -ENOMEM;
	edu->pdev = pdev;
	kref_init(&edu->refs);
	mutex_init(&edu->lock);
	INIT_LIST_HEAD(&edu->files);
	pci_set_drvdata(pdev, edu);

	ret = edu_setup(edu);
	if (ret)
		goto err_put;
	edu->misc.minor = MISC_DYNAMIC_MINOR;
	edu->misc.name = "edu-dma";
	edu->misc.fops = &edu_fops;
	edu->misc.parent = &pdev->dev;
	ret = misc_register(&edu->misc);
	if (ret)
		goto err_put;
	flags = edu_flags(edu);
	dev_info(&pdev->dev, "/dev/edu-dma: %scoherent, %s\n",
		 flags & EDU_DMA_COHERENT ? "" : "not ",
		 flags & EDU_DMA_IOMMU ? "behind an IOMMU" :
		 flags & EDU_DMA_BOUNCES ? "bounced" : "direct");
	return 0;

err_put:
	kref_put(&edu->refs, edu_free);
	return ret;
}

/* Files may still be open, but must not have buffers mapped for a removed card. */
static void edu_remove(struct pci_dev *pdev)
{
	struct edu *edu = pci_get_drvdata(pdev);
	struct edu_file *file;

	misc_deregister(&edu->misc);
	mutex_lock(&edu->lock);
	edu->gone = true;
	list_for_each_entry(file, &edu->files, node)
		edu_drop(file);
	mutex_unlock(&edu->lock);
	kref_put(&edu->refs, edu_free);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR_ID, EDU_DEVICE_ID) },
	{ }
};
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = KBUILD_MODNAME,
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};
module_pci_driver(edu_driver);

MODULE_DESCRIPTION("QEMU's edu device as an importer of dma-bufs, for tests");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
