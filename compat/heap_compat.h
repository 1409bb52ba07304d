/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The compiler includes this file before every file of an out-of-tree build
 * (-include). It is the only file that depends on the kernel version.
 */
#ifndef _HEAP_COMPAT_H
#define _HEAP_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0)
#error "modules need Linux 7.2 or later: earlier kernels do not export cma_alloc()"
#endif

#endif /* _HEAP_COMPAT_H */
