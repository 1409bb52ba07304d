/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctl of /dev/page-holder, see page_holder.c.
 */
#ifndef PAGE_HOLDER_H
#define PAGE_HOLDER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Takes a dma-buf fd and keeps a reference to its first page until the file is closed. */
#define PAGE_HOLDER_IOC_HOLD	_IOW('P', 0xe0, __s32)

#endif /* PAGE_HOLDER_H */
