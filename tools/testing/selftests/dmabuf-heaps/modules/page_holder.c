// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/page-holder: an importer that keeps a reference to a page of a buffer after
 * it has unmapped the buffer. Importers must not do that, but some do.
 *
 * Ownership: an open file owns the reference to one page, until it is closed.
 *
 * Lock order: page_holder_lock, then dma_buf.resv.
 */

#include <linux/cleanup.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/uaccess.h>

#include "page_holder.h"

static struct miscdevice page_holder_misc;
static struct device_dma_parameters page_holder_parms = { .max_segment_size = UINT_MAX };
static DEFINE_MUTEX(page_holder_lock); /* protects file->private_data */

/* Returns the first page of the buffer, with a reference; the buffer is detached. */
static struct page *page_holder_get(struct dma_buf *dmabuf)
{
	struct dma_buf_attachment *attach;
	struct sg_table *table;
	unsigned long pfn;
	struct page *page;

	attach = dma_buf_attach(dmabuf, page_holder_misc.this_device);
	if (IS_ERR(attach))
		return ERR_CAST(attach);
	table = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(table)) {
		page = ERR_CAST(table);
		goto out_detach;
	}
	/*
	 * CONFIG_DMABUF_DEBUG hides the pages of the table from importers. The DMA
	 * addresses of this device are physical addresses.
	 */
	pfn = PHYS_PFN(sg_dma_address(table->sgl));
	page = pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;
	if (page && !PageReserved(page))
		get_page(page);
	else
		page = ERR_PTR(-ENXIO);
	dma_buf_unmap_attachment_unlocked(attach, table, DMA_BIDIRECTIONAL);
out_detach:
	dma_buf_detach(dmabuf, attach);
	return page;
}

static long page_holder_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct dma_buf *dmabuf;
	struct page *page;
	s32 fd;

	if (cmd != PAGE_HOLDER_IOC_HOLD)
		return -ENOTTY;
	if (get_user(fd, (s32 __user *)arg))
		return -EFAULT;

	guard(mutex)(&page_holder_lock);

	if (filp->private_data)
		return -EBUSY;
	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	page = page_holder_get(dmabuf);
	dma_buf_put(dmabuf);
	if (IS_ERR(page))
		return PTR_ERR(page);
	filp->private_data = page;
	return 0;
}

/* The misc core leaves a pointer to the misc device there. */
static int page_holder_open(struct inode *inode, struct file *filp)
{
	filp->private_data = NULL;
	return 0;
}

static int page_holder_release(struct inode *inode, struct file *filp)
{
	if (filp->private_data)
		put_page(filp->private_data);
	return 0;
}

static const struct file_operations page_holder_fops = {
	.owner = THIS_MODULE,
	.open = page_holder_open,
	.release = page_holder_release,
	.unlocked_ioctl = page_holder_ioctl,
};

static struct miscdevice page_holder_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "page-holder",
	.fops = &page_holder_fops,
};

static int __init page_holder_init(void)
{
	int ret = misc_register(&page_holder_misc);

	if (ret)
		return ret;
#ifdef CONFIG_SWIOTLB
	/* With swiotlb=force the page would be that of a bounce copy. */
	page_holder_misc.this_device->dma_io_tlb_mem = NULL;
#endif
	page_holder_misc.this_device->dma_parms = &page_holder_parms;
	ret = dma_coerce_mask_and_coherent(page_holder_misc.this_device, DMA_BIT_MASK(64));
	if (ret)
		misc_deregister(&page_holder_misc);
	return ret;
}
module_init(page_holder_init);

static void __exit page_holder_exit(void)
{
	misc_deregister(&page_holder_misc);
}
module_exit(page_holder_exit);

MODULE_DESCRIPTION("Keeps a reference to a page of a DMA-BUF, for tests");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
