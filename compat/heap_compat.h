/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before every file of an out-of-tree build: the only place that
 * knows kernel versions.
 */
#ifndef _HEAP_COMPAT_H
#define _HEAP_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0)
#error "these heaps need Linux 7.2 or later: earlier kernels export no CMA functions to modules"
#endif

#endif /* _HEAP_COMPAT_H */
