/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /dev/page-holder understands: see page_holder.c.
 */
#ifndef PAGE_HOLDER_H
#define PAGE_HOLDER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Takes a dma-buf's file descriptor, and holds its first page until the file is closed. */
#define PAGE_HOLDER_IOC_HOLD	_IOW('P', 0xe0, __s32)

#endif /* PAGE_HOLDER_H */
