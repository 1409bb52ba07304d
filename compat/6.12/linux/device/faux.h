/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The faux device interface for a kernel without the faux bus: a platform device
 * that no driver binds to.
 */
#ifndef _COMPAT_LINUX_DEVICE_FAUX_H
#define _COMPAT_LINUX_DEVICE_FAUX_H

#include <linux/err.h>
#include <linux/platform_device.h>

#define faux_device	platform_device
#define to_faux_device	to_platform_device

struct faux_device_ops;

static inline struct faux_device *faux_device_create(const char *name, struct device *parent,
						     const struct faux_device_ops *ops)
{
	struct platform_device_info info = {
		.parent = parent,
		.name = name,
		.id = PLATFORM_DEVID_NONE,
	};
	struct platform_device *pdev = platform_device_register_full(&info);

	return IS_ERR(pdev) ? NULL : pdev;
}

static inline void faux_device_destroy(struct faux_device *fdev)
{
	if (fdev)
		platform_device_unregister(fdev);
}

#endif /* _COMPAT_LINUX_DEVICE_FAUX_H */
