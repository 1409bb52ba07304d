// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU views of a buffer: mmap of the dma-buf fd, and vmap for drivers.
 *
 * A view holds a reference on the dma-buf (the core sees to that), so the
 * buffer outlives it. The cache rules in cpu_access.c want to know of each view
 * of a cached buffer; an uncached one's are write-combined.
 *
 * Pages are entered when they are touched: a PMD entry (2 MiB) where address and
 * memory are congruent to that, else all pages of the 2 MiB around the touched
 * one, as far as the view has them. They are dirty at once, and writable where the
 * view is, also after a read, so that no second fault follows.
 *
 * Nobody moves or frees the memory under a mapping. Nor do the heaps own what is
 * entered: munmap(), mprotect(), mremap() and fork() know such entries, and split
 * a huge one by dropping it.
 *
 * Locks: mmap_lock or the lock of the area, then heap_buffer.fault_lock, then the
 * page tables'. Page tables are allocated inside it.
 */

#include <linux/align.h>
#include <linux/cleanup.h>
#include <linux/dma-buf.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/huge_mm.h>
#include <linux/iosys-map.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "heap_buffer.h"
#include "heap_cache.h"
#include "heap_mmap.h"

/* What is entered around a touched page: no more than one page table holds. */
#define HEAP_MMAP_WINDOW	(IS_ENABLED(CONFIG_64BIT) ? min(PMD_SIZE, SZ_2M) : SZ_64K)

/*
 * Whether set_ptes() is there for us. Some architectures keep it from modules, and
 * arm64 what it checks with under CONFIG_DEBUG_VM.
 */
#if defined(MODULE) && defined(CONFIG_DEBUG_VM)
#define HEAP_MMAP_MANY		false
#else
#define HEAP_MMAP_MANY		IS_ENABLED(CONFIG_ARM64)
#endif

/**
 * struct heap_mmap_window - pages around a fault, in one view and one page table
 * @vma:	the view
 * @start:	address of the first
 * @count:	how many
 * @touched:	which of them the fault is in: the first to be entered
 * @fresh:	there was no page table, so no other is entered
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
 * Dirty from the first: nobody asks, and the first write is no second fault. The
 * entry of page frame 0 is nothing but its protection, on any architecture.
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

/* Called for the first entry, does all of the window, and wants no further call. */
static int heap_mmap_fill_table(pte_t *ptes, unsigned long address, void *data)
{
	const struct heap_mmap_window *w = data;
	pte_t touched = ptep_get(ptes + w->touched), pte;
	unsigned int i, n;

	/* Who could drop it meanwhile locks the view for that, and MADV_DONTNEED is refused. */
	if (pte_none(touched))
		return 1;
	for (i = 0; i < w->count; i += max(n, 1)) {
		n = heap_mmap_count_empty(w, ptes, i);
		if (!n)
			continue;
		/* Special as the touched one is; set_ptes() needs less where it sees that. */
		pte = pte_mkspecial(pte_advance_pfn(touched, (unsigned long)i - w->touched));
		set_ptes(w->vma->vm_mm, address + i * PAGE_SIZE, ptes + i, pte, n);
	}
	return 1;
}

/* What cannot be entered, for want of memory, has a fault of its own later. */
static void heap_mmap_fill(struct heap_mmap_window *w)
{
	unsigned long address = w->start;
	unsigned int i;

	if (HEAP_MMAP_MANY) {
		apply_to_page_range(w->vma->vm_mm, address, w->count * PAGE_SIZE,
				    heap_mmap_fill_table, w);
		return;
	}
	for (i = 0; i < w->count; i++, address += PAGE_SIZE)
		vmf_insert_pfn_prot(w->vma, address, heap_mmap_pfn(w->vma, address),
				    heap_mmap_prot(w->vma));
}

/* Whether one entry can map all of the memory around the fault, and nothing else. */
static bool heap_mmap_is_huge(const struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long start = ALIGN_DOWN(vmf->address, PMD_SIZE);

	return IS_ENABLED(CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP) && start >= vma->vm_start &&
	       vma->vm_end - start >= PMD_SIZE &&
	       IS_ALIGNED(heap_mmap_pfn(vma, start), PHYS_PFN(PMD_SIZE));
}

/*
 * The lock keeps two threads from entering a page table and a huge page at one
 * place, which the core takes for a bug of its own. Both want to when one of them
 * came before huge pages were turned off (PR_SET_THP_DISABLE), and one after it.
 */
static vm_fault_t heap_mmap_enter(struct vm_fault *vmf, bool huge)
{
	struct vm_area_struct *vma = vmf->vma;
	struct heap_buffer *buffer = vma->vm_private_data;
	struct heap_mmap_window window;
	vm_fault_t ret;
	pmd_t pmd;

	/* What is entered is all in the view. */
	if (linear_page_index(vma, vma->vm_end) > PFN_DOWN(buffer->size))
		return VM_FAULT_SIGBUS;

	guard(mutex)(&buffer->fault_lock);

	pmd = pmdp_get_lockless(vmf->pmd);
	/* Linux without huge pages has the function's name and not the function. */
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

/* Where huge pages are off, or the page table is there already. */
static vm_fault_t heap_mmap_fault(struct vm_fault *vmf)
{
	return heap_mmap_enter(vmf, false);
}

/* The pages of a new table are entered here as well: a second fault would take longer. */
static vm_fault_t heap_mmap_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	if (order != PMD_ORDER)
		return VM_FAULT_FALLBACK;
	return heap_mmap_enter(vmf, heap_mmap_is_huge(vmf));
}

/* mprotect() can make a view writable later unless VM_MAYWRITE is off. */
static void heap_mmap_open(struct vm_area_struct *vma)
{
	heap_cpu_access_mmap_get(heap_cached(vma->vm_private_data), vma->vm_flags & VM_MAYWRITE);
}

static void heap_mmap_close(struct vm_area_struct *vma)
{
	heap_cpu_access_mmap_put(heap_cached(vma->vm_private_data), vma->vm_flags & VM_MAYWRITE);
}

static const struct vm_operations_struct heap_mmap_cached_ops = {
	.open = heap_mmap_open,
	.close = heap_mmap_close,
	.fault = heap_mmap_fault,
	.huge_fault = heap_mmap_huge_fault,
};

static const struct vm_operations_struct heap_mmap_uncached_ops = {
	.fault = heap_mmap_fault,
	.huge_fault = heap_mmap_huge_fault,
};

/* A private mapping could not be shared with any device. */
static int heap_mmap_area(struct dma_buf *dmabuf, struct vm_area_struct *vma,
			  const struct vm_operations_struct *ops)
{
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = dmabuf->priv;
	vma->vm_ops = ops;
	return 0;
}

/**
 * heap_mmap_cached() - &dma_buf_ops.mmap of a cached buffer
 * @dmabuf:	the buffer
 * @vma:	within the buffer: the dma-buf core has checked that
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

/**
 * heap_mmap_uncached() - &dma_buf_ops.mmap of a buffer that is not cached
 * @dmabuf:	the buffer
 * @vma:	within the buffer: the dma-buf core has checked that
 *
 * The view is write-combined.
 *
 * Context: process context; mmap_lock is held for writing.
 * Return: 0, or -EINVAL for a private mapping.
 */
int heap_mmap_uncached(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	int ret = heap_mmap_area(dmabuf, vma, &heap_mmap_uncached_ops);

	if (ret)
		return ret;
	vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_mmap_uncached, "DMABUF_HEAPS_CONTIG");

/**
 * heap_cpu_access_end_uncached() - &dma_buf_ops.end_cpu_access, not cached
 * @dmabuf:	the buffer
 * @dir:	DMA_FROM_DEVICE when the CPU only read
 *
 * What this CPU wrote is out of its write buffers, also for a device that is
 * started by somebody who knows nothing of the buffer.
 *
 * Context: any.
 * Return: 0.
 */
int heap_cpu_access_end_uncached(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	wmb(); /* before whatever starts a device, which is not ours to order */
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_cpu_access_end_uncached, "DMABUF_HEAPS_CONTIG");

/* A kernel mapping of memory with struct pages; undone with vunmap(). */
void *heap_vmap_pages(const struct heap_buffer *buffer, pgprot_t prot)
{
	unsigned long i, count = PFN_DOWN(buffer->size);
	struct page **pages;
	void *vaddr;

	pages = kvmalloc_objs(*pages, count, GFP_KERNEL | __GFP_NOWARN);
	if (!pages)
		return NULL;
	for (i = 0; i < count; i++)
		pages[i] = pfn_to_page(PHYS_PFN(buffer->phys) + i);
	vaddr = vmap(pages, count, VM_MAP, prot);
	kvfree(pages);
	return vaddr;
}

/**
 * heap_vmap_cached() - &dma_buf_ops.vmap of a cached buffer
 * @dmabuf:	the buffer
 * @map:	gets the address
 *
 * The core calls this for the first of any number of users. Memory in the
 * linear map costs nothing.
 *
 * Context: process context, may sleep; dma_buf.resv is held.
 * Return: 0, or -ENOMEM.
 */
int heap_vmap_cached(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct heap_cached *buffer = heap_cached(dmabuf->priv);
	struct page *pages = pfn_to_page(PHYS_PFN(buffer->base.phys));
	void *vaddr;

	/* Only 32-bit kernels have memory outside the linear map. */
	if (PageHighMem(pages))
		vaddr = heap_vmap_pages(&buffer->base, PAGE_KERNEL);
	else
		vaddr = page_address(pages);
	if (!vaddr)
		return -ENOMEM;

	heap_cpu_access_vmap_get(buffer);
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(heap_vmap_cached, "DMABUF_HEAPS_CONTIG");

/**
 * heap_vunmap_cached() - &dma_buf_ops.vunmap, undoes heap_vmap_cached()
 * @dmabuf:	the buffer
 * @map:	what heap_vmap_cached() filled in
 *
 * Context: process context; dma_buf.resv is held. Takes heap_cached.lock.
 */
void heap_vunmap_cached(struct dma_buf *dmabuf, struct iosys_map *map)
{
	if (is_vmalloc_addr(map->vaddr))
		vunmap(map->vaddr);
	iosys_map_clear(map);
	heap_cpu_access_vmap_put(heap_cached(dmabuf->priv));
}
EXPORT_SYMBOL_NS_GPL(heap_vunmap_cached, "DMABUF_HEAPS_CONTIG");
