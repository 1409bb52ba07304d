// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/dma-buf-phys: the physical address of a dma-buf, for user space that
 * programs hardware itself or passes addresses to firmware. Such hardware can
 * access any memory, so the node is restricted to root by default; see
 * Documentation/admin-guide/dma-buf-phys.rst.
 *
 * The driver is an ordinary importer with a device of its own that can address
 * all memory and has no IOMMU. The DMA addresses that an exporter maps for this
 * device therefore translate directly to physical addresses. IOMMUs of other
 * importers make no difference, and the buffer does not need struct pages. The
 * device is non-coherent: if the exporter cleans the CPU caches when it maps for
 * such a device, they are clean before user space gets the address. The address
 * is valid for as long as the buffer is mapped for this device.
 *
 * Ownership: an open file owns its pins. A pin owns a reference to the dma-buf,
 * the attachment and the mapping.
 *
 * Lock order: dma_buf_phys_file.lock, then dma_buf.resv, or mmap_lock for copies
 * to user space.
 */

#include <linux/build_bug.h>
#include <linux/device/faux.h>
#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iommu-dma.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <linux/dma-buf-phys.h>
#include <linux/dma-buf-phys-vendor.h>

/**
 * struct dma_buf_phys_pin - a buffer that is mapped and so cannot move
 * @node:	entry in dma_buf_phys_file.pins; unused for frozen ioctls
 * @dmabuf:	the buffer
 * @attach:	its attachment to dma_buf_phys_dev
 * @table:	the mapping of @attach
 * @phys:	physical address of the first byte
 * @gets:	calls of DMA_BUF_PHYS_IOC_GET without a DMA_BUF_PHYS_IOC_PUT yet
 */
struct dma_buf_phys_pin {
	struct list_head node;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct sg_table *table;
	u64 phys;
	unsigned int gets;
};

/**
 * struct dma_buf_phys_file - an open file
 * @lock:	protects the other members and the pins in @pins
 * @pins:	pins of DMA_BUF_PHYS_IOC_GET, one for each buffer
 * @count:	number of entries in @pins
 * @converted:	pin of DMA_BUF_PHYS_TI_CONVERT, or NULL
 */
struct dma_buf_phys_file {
	struct mutex lock; /* dma_buf.resv and mmap_lock nest inside */
	struct list_head pins;
	unsigned int count;
	struct dma_buf_phys_pin *converted;
};

/* The importing device. */
static struct device *dma_buf_phys_dev;

/* Fails with -EINVAL unless the whole buffer is physically contiguous. */
static int dma_buf_phys_resolve(struct sg_table *table, size_t size, u64 *phys)
{
	struct scatterlist *sg;
	size_t found = 0;
	unsigned int i;

	for_each_sgtable_dma_sg(table, sg, i) {
		u64 here = dma_to_phys(dma_buf_phys_dev, sg_dma_address(sg));

		if (!i)
			*phys = here;
		else if (here != *phys + found)
			return -EINVAL;
		found += sg_dma_len(sg);
	}
	return found && found >= size ? 0 : -EINVAL;
}

/* The pin takes its own reference to @dmabuf. */
static struct dma_buf_phys_pin *dma_buf_phys_pin_create(struct dma_buf *dmabuf)
{
	struct dma_buf_phys_pin *pin = kzalloc_obj(*pin, GFP_KERNEL_ACCOUNT);
	int ret;

	if (!pin)
		return ERR_PTR(-ENOMEM);
	pin->dmabuf = dmabuf;
	pin->attach = dma_buf_attach(dmabuf, dma_buf_phys_dev);
	if (IS_ERR(pin->attach)) {
		ret = PTR_ERR(pin->attach);
		goto err_free;
	}
	pin->table = dma_buf_map_attachment_unlocked(pin->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(pin->table)) {
		ret = PTR_ERR(pin->table);
		goto err_detach;
	}
	ret = dma_buf_phys_resolve(pin->table, dmabuf->size, &pin->phys);
	if (ret)
		goto err_unmap;
	get_dma_buf(dmabuf);
	wmb(); /* order uncached writes before the caller starts a device */
	return pin;

err_unmap:
	dma_buf_unmap_attachment_unlocked(pin->attach, pin->table, DMA_BIDIRECTIONAL);
err_detach:
	dma_buf_detach(dmabuf, pin->attach);
err_free:
	kfree(pin);
	return ERR_PTR(ret);
}

static void dma_buf_phys_pin_destroy(struct dma_buf_phys_pin *pin)
{
	dma_buf_unmap_attachment_unlocked(pin->attach, pin->table, DMA_BIDIRECTIONAL);
	dma_buf_detach(pin->dmabuf, pin->attach);
	dma_buf_put(pin->dmabuf);
	kfree(pin);
}

static struct dma_buf_phys_pin *dma_buf_phys_find(struct dma_buf_phys_file *file,
						  const struct dma_buf *dmabuf)
{
	struct dma_buf_phys_pin *pin;

	lockdep_assert_held(&file->lock);

	list_for_each_entry(pin, &file->pins, node)
		if (pin->dmabuf == dmabuf)
			return pin;
	return NULL;
}

static struct dma_buf_phys_pin *dma_buf_phys_get(struct dma_buf_phys_file *file,
						 struct dma_buf *dmabuf)
{
	struct dma_buf_phys_pin *pin;

	lockdep_assert_held(&file->lock);

	pin = dma_buf_phys_find(file, dmabuf);
	if (pin) {
		if (pin->gets == UINT_MAX)
			return ERR_PTR(-EOVERFLOW);
		pin->gets++;
		return pin;
	}
	if (file->count == DMA_BUF_PHYS_MAX)
		return ERR_PTR(-EMFILE);
	pin = dma_buf_phys_pin_create(dmabuf);
	if (IS_ERR(pin))
		return pin;
	pin->gets = 1;
	list_add(&pin->node, &file->pins);
	file->count++;
	return pin;
}

static void dma_buf_phys_put(struct dma_buf_phys_file *file, struct dma_buf_phys_pin *pin)
{
	lockdep_assert_held(&file->lock);

	if (--pin->gets)
		return;
	list_del(&pin->node);
	file->count--;
	dma_buf_phys_pin_destroy(pin);
}

/* Copies an extensible struct whose first member is its size in user space. */
static int dma_buf_phys_copy(void *to, size_t size, size_t least, void __user *from)
{
	u32 user_size;

	if (get_user(user_size, (u32 __user *)from))
		return -EFAULT;
	if (user_size < least)
		return -EINVAL;
	if (user_size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(to, size, from, user_size);
}

static int dma_buf_phys_ioctl_get(struct dma_buf_phys_file *file,
				  struct dma_buf_phys_get __user *arg)
{
	struct dma_buf_phys_get get;
	struct dma_buf_phys_pin *pin;
	struct dma_buf *dmabuf;
	int ret;

	ret = dma_buf_phys_copy(&get, sizeof(get), DMA_BUF_PHYS_GET_SIZE_VER0, arg);
	if (ret)
		return ret;
	if (get.flags || get.reserved)
		return -EINVAL;
	dmabuf = dma_buf_get(get.fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = mutex_lock_interruptible(&file->lock);
	if (ret)
		goto err_put_dmabuf;

	pin = dma_buf_phys_get(file, dmabuf);
	if (IS_ERR(pin)) {
		ret = PTR_ERR(pin);
	} else if (put_user(pin->phys, &arg->phys) || put_user((u64)dmabuf->size, &arg->len)) {
		dma_buf_phys_put(file, pin);
		ret = -EFAULT;
	}

	mutex_unlock(&file->lock);
err_put_dmabuf:
	dma_buf_put(dmabuf);
	return ret;
}

static int dma_buf_phys_ioctl_put(struct dma_buf_phys_file *file,
				  struct dma_buf_phys_put __user *arg)
{
	struct dma_buf_phys_put put;
	struct dma_buf_phys_pin *pin;
	struct dma_buf *dmabuf;
	int ret;

	ret = dma_buf_phys_copy(&put, sizeof(put), DMA_BUF_PHYS_PUT_SIZE_VER0, arg);
	if (ret)
		return ret;
	if (put.flags || put.reserved)
		return -EINVAL;
	dmabuf = dma_buf_get(put.fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = mutex_lock_interruptible(&file->lock);
	if (ret)
		goto err_put_dmabuf;

	pin = dma_buf_phys_find(file, dmabuf);
	if (pin)
		dma_buf_phys_put(file, pin);
	else
		ret = -ENOENT;

	mutex_unlock(&file->lock);
err_put_dmabuf:
	dma_buf_put(dmabuf);
	return ret;
}

/* For the frozen ioctls: the caller owns the pin. */
static struct dma_buf_phys_pin *dma_buf_phys_vendor_pin(struct dma_buf_phys_vendor __user *arg)
{
	struct dma_buf_phys_pin *pin;
	struct dma_buf *dmabuf;
	u32 fd;

	if (get_user(fd, &arg->fd))
		return ERR_PTR(-EFAULT);
	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return ERR_CAST(dmabuf);
	pin = dma_buf_phys_pin_create(dmabuf);
	dma_buf_put(dmabuf);
	if (!IS_ERR(pin) && put_user(pin->phys, &arg->phys)) {
		dma_buf_phys_pin_destroy(pin);
		return ERR_PTR(-EFAULT);
	}
	return pin;
}

static int dma_buf_phys_ioctl_convert(struct dma_buf_phys_file *file,
				      struct dma_buf_phys_vendor __user *arg)
{
	struct dma_buf_phys_pin *pin;
	int ret;

	ret = mutex_lock_interruptible(&file->lock);
	if (ret)
		return ret;
	if (file->converted) {
		ret = -EBUSY;
		goto out_unlock;
	}
	pin = dma_buf_phys_vendor_pin(arg);
	if (IS_ERR(pin))
		ret = PTR_ERR(pin);
	else
		file->converted = pin;

out_unlock:
	mutex_unlock(&file->lock);
	return ret;
}

/*
 * Libraries use this call as a cache flush: mapping cleans the CPU caches and
 * unmapping invalidates them.
 */
static int dma_buf_phys_ioctl_nxp(struct dma_buf_phys_vendor __user *arg)
{
	struct dma_buf_phys_pin *pin = dma_buf_phys_vendor_pin(arg);

	if (IS_ERR(pin))
		return PTR_ERR(pin);
	dma_buf_phys_pin_destroy(pin);
	return 0;
}

/* @room is the size of the name in the caller's version of the struct. */
static int dma_buf_phys_ioctl_name(struct dma_buf_phys_vendor_name __user *arg, size_t room)
{
	char name[sizeof(arg->name)] = {};
	struct dma_buf *dmabuf;
	u32 fd;

	if (get_user(fd, &arg->fd))
		return -EFAULT;
	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	strscpy(name, dmabuf->exp_name, room);
	dma_buf_put(dmabuf);
	return copy_to_user(arg->name, name, room) ? -EFAULT : 0;
}

static long dma_buf_phys_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct dma_buf_phys_file *file = filp->private_data;
	void __user *user = (void __user *)arg;

	BUILD_BUG_ON(sizeof(struct dma_buf_phys_get) != DMA_BUF_PHYS_GET_SIZE_VER0);
	BUILD_BUG_ON(sizeof(struct dma_buf_phys_put) != DMA_BUF_PHYS_PUT_SIZE_VER0);

	switch (cmd) {
	case DMA_BUF_PHYS_IOC_GET:
		return dma_buf_phys_ioctl_get(file, user);
	case DMA_BUF_PHYS_IOC_PUT:
		return dma_buf_phys_ioctl_put(file, user);
	case DMA_BUF_PHYS_TI_CONVERT:
		return dma_buf_phys_ioctl_convert(file, user);
	case DMA_BUF_PHYS_NXP_PHYS:
		return dma_buf_phys_ioctl_nxp(user);
	case DMA_BUF_PHYS_NXP_NAME:
		return dma_buf_phys_ioctl_name(user, 32);
	case DMA_BUF_PHYS_NXP_NAME16:
		return dma_buf_phys_ioctl_name(user, 16);
	default:
		return -ENOTTY;
	}
}

static int dma_buf_phys_open(struct inode *inode, struct file *filp)
{
	struct dma_buf_phys_file *file = kzalloc_obj(*file, GFP_KERNEL_ACCOUNT);

	if (!file)
		return -ENOMEM;
	mutex_init(&file->lock);
	INIT_LIST_HEAD(&file->pins);
	filp->private_data = file;
	return 0;
}

static int dma_buf_phys_release(struct inode *inode, struct file *filp)
{
	struct dma_buf_phys_file *file = filp->private_data;
	struct dma_buf_phys_pin *pin, *next;

	list_for_each_entry_safe(pin, next, &file->pins, node)
		dma_buf_phys_pin_destroy(pin);
	if (file->converted)
		dma_buf_phys_pin_destroy(file->converted);
	mutex_destroy(&file->lock);
	kfree(file);
	return 0;
}

static const struct file_operations dma_buf_phys_fops = {
	.owner = THIS_MODULE,
	.open = dma_buf_phys_open,
	.release = dma_buf_phys_release,
	.unlocked_ioctl = dma_buf_phys_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice dma_buf_phys_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dma-buf-phys",
	.fops = &dma_buf_phys_fops,
	.mode = 0600,
};

/* Do not let exporters split contiguous memory into segments. */
static struct device_dma_parameters dma_buf_phys_parms = {
	.max_segment_size = UINT_MAX,
};

/* Fails with -ENODEV if the DMA addresses of @dev are not physical addresses. */
static int dma_buf_phys_device_init(struct device *dev)
{
	/* Some architectures make devices coherent by default. */
	dev_clear_dma_coherent(dev);
#ifdef CONFIG_SWIOTLB
	/* With swiotlb=force the address would be that of a bounce copy. */
	dev->dma_io_tlb_mem = NULL;
#endif
	dev->dma_parms = &dma_buf_phys_parms;
	/* The architecture translates DMA addresses for all devices. */
	if (get_dma_ops(dev) || use_dma_iommu(dev))
		return -ENODEV;
	return dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
}

static int __init dma_buf_phys_init(void)
{
	struct faux_device *fdev = faux_device_create("dma-buf-phys", NULL, NULL);
	int ret;

	if (!fdev)
		return -ENODEV;
	dma_buf_phys_dev = &fdev->dev;
	ret = dma_buf_phys_device_init(dma_buf_phys_dev);
	if (ret)
		goto err_destroy_device;
	ret = misc_register(&dma_buf_phys_misc);
	if (ret)
		goto err_destroy_device;
	return 0;

err_destroy_device:
	faux_device_destroy(fdev);
	return ret;
}
module_init(dma_buf_phys_init);

static void __exit dma_buf_phys_exit(void)
{
	misc_deregister(&dma_buf_phys_misc);
	faux_device_destroy(to_faux_device(dma_buf_phys_dev));
}
module_exit(dma_buf_phys_exit);

MODULE_DESCRIPTION("Physical addresses of DMA-BUFs for user space");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
