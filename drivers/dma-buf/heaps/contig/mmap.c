// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap of the dma-buf fd.
 *
 * Pages are mapped on demand: a PMD entry (2 MiB) where the address and the memory are
 * congruent modulo that, otherwise all pages of the 2 MiB around the fault, as far as the
 * area has them. The entries are dirty and, in a writable area, writable from the start,
 * also after a read, so that no second fault follows. mprotect(), mremap(), munmap() and
 * fork() handle such entries and split a huge one by removing it.
 *
 * An area holds a reference to the dma-buf (by the core), so the buffer outlives it, and
 * its memory is neither moved nor freed meanwhile. Areas of cached buffers are counted by
 * cpu_access.c; those of other buffers are write-combined.
 *
 * Debuggers access an area through a kernel mapping with the same cache attributes, because
 * the core finds no pages in it, and generic_access_phys() refuses memory that is RAM.
 *
 * Locks: mmap_lock or the lock of the area, then heap_buffer.fault_lock, then page table
 * locks. Page tables are allocated with fault_lock held.
 */

#include <linux/align.h>
#include <linux/cleanup.h>
#include <linux/dma-buf.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/huge_mm.h>
#include <linux/io.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "contig_priv.h"

/* Mapped around a fault: no more than one page table maps. */
#define HEAP_MMAP_WINDOW	(IS_ENABLED(CONFIG_64BIT) ? min(PMD_SIZE, SZ_2M) : SZ_64K)

/*
 * Whether set_ptes() can be called. Some architectures do not export its dependencies to
 * modules, and neither does arm64 with CONFIG_DEBUG_VM. Without it each page is inserted on
 * its own; Documentation/userspace-api/dma-buf-heaps-performance.rst has the costs.
 */
#if defined(MODULE) && defined(CONFIG_DEBUG_VM)
#define HEAP_MMAP_SET_PTES	false
#else
#define HEAP_MMAP_SET_PTES	IS_ENABLED(CONFIG_ARM64)
#endif

/**
 * struct heap_mmap_window - pages around a fault, of one area and in one page table
 * @vma:	the area
 * @start:	address of the first page
 * @count:	number of pages
 * @touched:	index of the page that the fault is in; it is inserted first
 * @fresh:	the page table is new, so all other entries are empty
 */
struct heap_mmap_window {
	struct vm_area_struct *vma;
	unsigned long start;
	unsigned int count;
	unsigned int touched;
	bool fresh;
};

static struct heap_mmap_window heap_mmap_window(const struct vm_fault *vmf, bool fresh)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long start = ALIGN_DOWN(vmf->address, HEAP_MMAP_WINDOW);
	unsigned long end = min(start + HEAP_MMAP_WINDOW, vma->vm_end);

	start = max(start, vma->vm_start);
	return (struct heap_mmap_window) {
		.vma = vma,
		.start = start,
		.count = PHYS_PFN(end - start),
		.touched = PHYS_PFN(vmf->address - start),
		.fresh = fresh,
	};
}

static unsigned long heap_mmap_pfn(struct vm_area_struct *vma, unsigned long address)
{
	const struct heap_buffer *buffer = vma->vm_private_data;

	return PHYS_PFN(buffer->phys) + linear_page_index(vma, address);
}

/*
 * The area's protection with the dirty bit, which nothing reads back: without it the
 * first write would fault again. An entry for page frame 0 consists of its protection
 * bits only, on any architecture.
 */
static pgprot_t heap_mmap_prot(const struct vm_area_struct *vma)
{
	return __pgprot(pte_val(pte_mkdirty(pfn_pte(0, vma->vm_page_prot))));
}

static unsigned int heap_mmap_count_empty(const struct heap_mmap_window *w, pte_t *ptes,
					  unsigned int first)
{
	unsigned int i = first;

	if (w->fresh)
		return (first <= w->touched ? w->touched : w->count) - first;
	while (i < w->count && pte_none(ptep_get(ptes + i)))
		i++;
	return i - first;
}

/* Called for the first entry; fills the whole window and ends the walk by returning 1. */
static int heap_mmap_fill_table(pte_t *ptes, unsigned long address, void *data)
{
	const struct heap_mmap_window *w = data;
	pte_t touched = ptep_get(ptes + w->touched), pte;
	unsigned int i, n;

	/* Removal needs the area locked for writing, or is refused (MADV_DONTNEED). */
	if (pte_none(touched))
		return 1;
	for (i = 0; i < w->count; i += max(n, 1)) {
		n = heap_mmap_count_empty(w, ptes, i);
		if (!n)
			continue;
		/* set_ptes() takes a shorter path for special entries. */
		pte = pte_mkspecial(pte_advance_pfn(touched, (unsigned long)i - w->touched));
		set_ptes(w->vma->vm_mm, address + i * PAGE_SIZE, ptes + i, pte, n);
	}
	return 1;
}

/* Pages that cannot be inserted, for lack of memory, fault on their own later. */
static void heap_mmap_fill(struct heap_mmap_window *w)
{
	unsigned long address = w->start;
	unsigned int i;

	if (HEAP_MMAP_SET_PTES) {
		apply_to_page_range(w->vma->vm_mm, address, w->count * PAGE_SIZE,
				    heap_mmap_fill_table, w);
		return;
	}
	for (i = 0; i < w->count; i++, address += PAGE_SIZE)
		vmf_insert_pfn_prot(w->vma, address, heap_mmap_pfn(w->vma, address),
				    heap_mmap_prot(w->vma));
}

/* Whether a PMD entry for the fault maps memory of this area and buffer only. */
static bool heap_mmap_is_huge(const struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long start = ALIGN_DOWN(vmf->address, PMD_SIZE);

	return IS_ENABLED(CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP) && start >= vma->vm_start &&
	       vma->vm_end - start >= PMD_SIZE &&
	       IS_ALIGNED(heap_mmap_pfn(vma, start), PHYS_PFN(PMD_SIZE));
}

/*
 * fault_lock keeps two threads from inserting a page table and a huge page at the same
 * place, which the core reports as its own bug. It can happen when huge pages are disabled
 * between two faults (PR_SET_THP_DISABLE).
 */
static vm_fault_t heap_mmap_insert(struct vm_fault *vmf, bool huge)
{
	struct vm_area_struct *vma = vmf->vma;
	struct heap_buffer *buffer = vma->vm_private_data;
	struct heap_mmap_window window;
	vm_fault_t ret;
	pmd_t pmd;

	if (linear_page_index(vma, vma->vm_end) > PFN_DOWN(buffer->size))
		return VM_FAULT_SIGBUS;

	guard(mutex)(&buffer->fault_lock);

	pmd = pmdp_get_lockless(vmf->pmd);
	/* Without CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP vmf_insert_pfn_pmd() is only declared. */
	if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP) && huge &&
	    (pmd_none(pmd) || pmd_leaf(pmd)))
		return vmf_insert_pfn_pmd(vmf, heap_mmap_pfn(vma, vmf->address & PMD_MASK), true);
	if (pmd_leaf(pmd))
		return VM_FAULT_NOPAGE;
	ret = vmf_insert_pfn_prot(vma, vmf->address, heap_mmap_pfn(vma, vmf->address),
				  heap_mmap_prot(vma));
	if (ret != VM_FAULT_NOPAGE)
		return ret;
	window = heap_mmap_window(vmf, pmd_none(pmd));
	heap_mmap_fill(&window);
	return VM_FAULT_NOPAGE;
}

/* For processes without huge pages, and where there is a page table already. */
static vm_fault_t heap_mmap_fault(struct vm_fault *vmf)
{
	return heap_mmap_insert(vmf, false);
}

/* Inserts single pages too, because falling back costs a second fault. */
static vm_fault_t heap_mmap_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	if (order != PMD_ORDER)
		return VM_FAULT_FALLBACK;
	return heap_mmap_insert(vmf, heap_mmap_is_huge(vmf));
}

/* mprotect() can make an area writable later, unless VM_MAYWRITE is cleared. */
static void heap_mmap_open(struct vm_area_struct *vma)
{
	heap_cpu_access_mmap_get(heap_cached(vma->vm_private_data), vma->vm_flags & VM_MAYWRITE);
}

static void heap_mmap_close(struct vm_area_struct *vma)
{
	heap_cpu_access_mmap_put(heap_cached(vma->vm_private_data), vma->vm_flags & VM_MAYWRITE);
}

/*
 * The bytes of a debugger's access that are in the page of the address; the core calls again
 * for the rest. It does not tell whether FOLL_FORCE is set, which has no effect on writes to
 * a shared mapping. The core holds mmap_lock, so the area stays counted: for cpu_access.c, a
 * store through the kernel mapping is one through the area, which is writable.
 */
static int heap_mmap_access_len(struct vm_area_struct *vma, unsigned long address, int len,
				int write)
{
	const struct heap_buffer *buffer = vma->vm_private_data;

	if (write && !(vma->vm_flags & VM_WRITE))
		return -EFAULT;
	if (linear_page_index(vma, address) >= PFN_DOWN(buffer->size))
		return -EFAULT;
	return min_t(int, len, PAGE_SIZE - offset_in_page(address));
}

static void heap_mmap_access_copy(void *vaddr, unsigned long address, void *buf, int len,
				  int write)
{
	if (write)
		memcpy(vaddr + offset_in_page(address), buf, len);
	else
		memcpy(buf, vaddr + offset_in_page(address), len);
}

static int heap_mmap_access_cached(struct vm_area_struct *vma, unsigned long address, void *buf,
				   int len, int write)
{
	void *vaddr;

	len = heap_mmap_access_len(vma, address, len, write);
	if (len < 0)
		return len;
	vaddr = kmap_local_pfn(heap_mmap_pfn(vma, address));
	heap_mmap_access_copy(vaddr, address, buf, len, write);
	kunmap_local(vaddr);
	return len;
}

/* A cacheable mapping would leave dirty lines, which nothing cleans. */
static int heap_mmap_access_uncached(struct vm_area_struct *vma, unsigned long address, void *buf,
				     int len, int write)
{
	struct page *page;
	void *vaddr;

	len = heap_mmap_access_len(vma, address, len, write);
	if (len < 0)
		return len;
	page = pfn_to_page(heap_mmap_pfn(vma, address));
	vaddr = vmap(&page, 1, VM_MAP, pgprot_writecombine(PAGE_KERNEL));
	if (!vaddr)
		return -ENOMEM;
	heap_mmap_access_copy(vaddr, address, buf, len, write);
	vunmap(vaddr);
	return len;
}

static int heap_mmap_access_nopage(struct vm_area_struct *vma, unsigned long address, void *buf,
				   int len, int write)
{
	void *vaddr;

	len = heap_mmap_access_len(vma, address, len, write);
	if (len < 0)
		return len;
	vaddr = memremap(PFN_PHYS(heap_mmap_pfn(vma, address)), PAGE_SIZE, MEMREMAP_WC);
	if (!vaddr)
		return -ENOMEM;
	heap_mmap_access_copy(vaddr, address, buf, len, write);
	memunmap(vaddr);
	return len;
}

static const struct vm_operations_struct heap_mmap_cached_ops = {
	.open = heap_mmap_open,
	.close = heap_mmap_close,
	.fault = heap_mmap_fault,
	.huge_fault = heap_mmap_huge_fault,
	.access = heap_mmap_access_cached,
};

static const struct vm_operations_struct heap_mmap_uncached_ops = {
	.fault = heap_mmap_fault,
	.huge_fault = heap_mmap_huge_fault,
	.access = heap_mmap_access_uncached,
};

static const struct vm_operations_struct heap_mmap_nopage_ops = {
	.fault = heap_mmap_fault,
	.huge_fault = heap_mmap_huge_fault,
	.access = heap_mmap_access_nopage,
};

static int heap_mmap_area(struct dma_buf *dmabuf, struct vm_area_struct *vma,
			  const struct vm_operations_struct *ops)
{
	/* A private mapping would not be shared with devices. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = dmabuf->priv;
	vma->vm_ops = ops;
	return 0;
}

/**
 * heap_mmap_cached() - &dma_buf_ops.mmap of cached buffers
 * @dmabuf:	the buffer
 * @vma:	the area; the core has checked that it lies within the buffer
 *
 * Context: process context; mmap_lock is held for writing.
 * Return: 0, or -EINVAL for a private mapping.
 */
int heap_mmap_cached(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	int ret = heap_mmap_area(dmabuf, vma, &heap_mmap_cached_ops);

	if (ret)
		return ret;
	heap_mmap_open(vma);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_mmap_cached, "DMABUF_HEAPS_CONTIG");

static int heap_mmap_writecombine(struct dma_buf *dmabuf, struct vm_area_struct *vma,
				  const struct vm_operations_struct *ops)
{
	int ret = heap_mmap_area(dmabuf, vma, ops);

	if (ret)
		return ret;
	vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	return 0;
}

/**
 * heap_mmap_uncached() - &dma_buf_ops.mmap of uncached buffers, write-combined
 * @dmabuf:	the buffer
 * @vma:	the area; the core has checked that it lies within the buffer
 *
 * Context: process context; mmap_lock is held for writing.
 * Return: 0, or -EINVAL for a private mapping.
 */
int heap_mmap_uncached(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	return heap_mmap_writecombine(dmabuf, vma, &heap_mmap_uncached_ops);
}
EXPORT_SYMBOL_NS_GPL(heap_mmap_uncached, "DMABUF_HEAPS_CONTIG");

/**
 * heap_mmap_nopage() - &dma_buf_ops.mmap of buffers without struct pages, write-combined
 * @dmabuf:	the buffer
 * @vma:	the area; the core has checked that it lies within the buffer
 *
 * Context: process context; mmap_lock is held for writing.
 * Return: 0, or -EINVAL for a private mapping.
 */
int heap_mmap_nopage(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	return heap_mmap_writecombine(dmabuf, vma, &heap_mmap_nopage_ops);
}
EXPORT_SYMBOL_NS_GPL(heap_mmap_nopage, "DMABUF_HEAPS_CONTIG");
