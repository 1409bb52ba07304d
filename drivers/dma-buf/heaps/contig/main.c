// SPDX-License-Identifier: GPL-2.0-only
/*
 * contig_heap_lib: the library of the DMA-BUF heaps of contiguous memory.
 *
 * Files, callers first:
 *
 *  cma_region_heap.c	CMA areas: discovery, the cached heap and its uncached twin
 *  carveout_heap.c	no-map regions: discovery, heap
 *  sram_heap.c		on-chip SRAM: discovery, heap
 *  nopage.c		heaps and buffers without struct pages
 *  region.c		checks that discovery shares, the rule for names
 *  pool.c, extent.c	recycled memory
 *  carveout_alloc.c	pages of a region that the kernel does not manage
 *  buffer.c		zeroing, export, the sync device of a heap
 *  dma_map.c		map_dma_buf, unmap_dma_buf
 *  dma_reach.c		whether a device can address a buffer
 *  mmap.c, vmap.c	CPU mappings
 *  cpu_access.c	begin_cpu_access, end_cpu_access, cache ownership
 *  sync_range_dev.c	/dev/dma-buf-sync
 *  vendor_ioctl.c	ioctls on the dma-buf file, on kernels with a hook for them
 *  debugfs.c		/sys/kernel/debug/dma_heap/
 *
 * Glossary:
 *
 *  region		memory that becomes a heap: a CMA area, a carve-out, SRAM
 *  twin		the second, uncached heap on a CMA area
 *  extent		physically contiguous memory, in use by one buffer or recycled
 *  pool		the recycled memory of one region
 *  recycled		freed, and held by a pool for the next buffers
 *  zeroed		all bytes are 0, and so is memory behind the CPU caches
 *  clean, dirty	said of CPU cache lines only
 *  busy		freed while drivers held references to pages of it
 *  in flight		between two lists: being zeroed, released, refilled or checked
 *  drain		release everything that a pool holds to its region
 *  tight		said of a region of which buffers use more than a third
 *  CPU access		from begin_cpu_access() to end_cpu_access()
 *  CPU mapping		an mmap or a vmap; the mapping of a coherent device counts as one
 *  unsynchronized	a CPU mapping that is written outside of CPU accesses
 *  bounce copy		the copy of a buffer for a device that cannot address it
 *  reach		a device reaches memory that it can address
 *
 * Lock order: mmap_lock or dma_buf.resv, then heap_cached.lock. mmap_lock, then
 * heap_buffer.fault_lock, then page table locks. heap_pool.lock is a spinlock inside
 * which no other lock of the heaps is taken; callbacks of &struct heap_pool_ops are
 * called without it.
 */

#include <linux/module.h>
#include <linux/moduleparam.h>

#include "contig_priv.h"

int heap_pool_size_mib = -1;
module_param_named(pool_size, heap_pool_size_mib, int, 0644);
MODULE_PARM_DESC(pool_size, "how much freed memory of each region is recycled, in MiB: 0 none, -1 a quarter of the region (default)");

unsigned int heap_pool_age_seconds = 10;
module_param_named(pool_age, heap_pool_age_seconds, uint, 0644);
MODULE_PARM_DESC(pool_age, "seconds until recycled memory that no buffer used is released (default 10)");

MODULE_DESCRIPTION("Library of the DMA-BUF heaps of contiguous memory");
MODULE_VERSION("0.9.0");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("DMA_BUF_HEAP");
