// SPDX-License-Identifier: GPL-2.0-only
/*
 * Heaps without memory, as references for benchmarks.
 *
 *  null:	allocates nothing: the minimal cost of the same system calls
 *  first-fit:	allocates addresses in a range of 256 MiB that is no memory, with
 *		genalloc's first-fit algorithm
 *
 * Importers get an empty table, so that no device uses an address. There are no CPU
 * mappings, and CPU access does nothing.
 *
 * Ownership: heaps are never removed, because the heap core cannot do that, so the
 * module has no exit function. A dma-buf owns its buffer.
 */

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/err.h>
#include <linux/genalloc.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/numa.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

/* Not 0, which gen_pool_alloc() returns if it fails. */
#define NULL_HEAP_BASE	SZ_256M
#define NULL_HEAP_SIZE	SZ_256M

/**
 * struct null_heap - a heap
 * @pool:	allocator of addresses, or NULL
 * @lock:	serializes calls of genalloc, which can fail in a race otherwise
 */
struct null_heap {
	struct gen_pool *pool;
	struct mutex lock; /* nothing nests inside */
};

/**
 * struct null_buffer - a buffer of the first-fit heap
 * @heap:	the heap
 * @addr:	address of the buffer in null_heap.pool
 * @size:	in bytes
 */
struct null_buffer {
	struct null_heap *heap;
	unsigned long addr;
	size_t size;
};

static struct null_heap null_heap;
static struct null_heap null_heap_first_fit;

static struct sg_table *null_heap_map(struct dma_buf_attachment *attach,
				      enum dma_data_direction dir)
{
	struct sg_table *table;
	int ret;

	table = kzalloc_obj(*table);
	if (!table)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table(table, 1, GFP_KERNEL);
	if (ret) {
		kfree(table);
		return ERR_PTR(ret);
	}
	table->nents = 0;
	return table;
}

static void null_heap_unmap(struct dma_buf_attachment *attach, struct sg_table *table,
			    enum dma_data_direction dir)
{
	sg_free_table(table);
	kfree(table);
}

static int null_heap_no_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	return -EACCES;
}

static void null_heap_release(struct dma_buf *dmabuf)
{
}

static const struct dma_buf_ops null_heap_buf_ops = {
	.map_dma_buf = null_heap_map,
	.unmap_dma_buf = null_heap_unmap,
	.mmap = null_heap_no_mmap,
	.release = null_heap_release,
};

static struct dma_buf *null_heap_allocate(struct dma_heap *dma_heap, unsigned long len,
					  u32 fd_flags, u64 heap_flags)
{
	struct dma_buf_export_info info = {
		.exp_name = dma_heap_get_name(dma_heap),
		.owner = THIS_MODULE,
		.ops = &null_heap_buf_ops,
		.size = len,
		.flags = fd_flags,
		.priv = dma_heap_get_drvdata(dma_heap),
	};

	return dma_buf_export(&info);
}

static const struct dma_heap_ops null_heap_ops = {
	.allocate = null_heap_allocate,
};

static void null_heap_free(struct null_buffer *buffer)
{
	struct null_heap *heap = buffer->heap;

	mutex_lock(&heap->lock);
	gen_pool_free(heap->pool, buffer->addr, buffer->size);
	mutex_unlock(&heap->lock);
	kfree(buffer);
}

static void null_heap_release_address(struct dma_buf *dmabuf)
{
	null_heap_free(dmabuf->priv);
}

static const struct dma_buf_ops null_heap_address_buf_ops = {
	.map_dma_buf = null_heap_map,
	.unmap_dma_buf = null_heap_unmap,
	.mmap = null_heap_no_mmap,
	.release = null_heap_release_address,
};

static struct null_buffer *null_buffer_create(struct null_heap *heap, size_t size)
{
	struct null_buffer *buffer;

	buffer = kzalloc_obj(*buffer);
	if (!buffer)
		return ERR_PTR(-ENOMEM);
	buffer->heap = heap;
	buffer->size = size;
	mutex_lock(&heap->lock);
	buffer->addr = gen_pool_alloc(heap->pool, size);
	mutex_unlock(&heap->lock);
	if (!buffer->addr) {
		kfree(buffer);
		return ERR_PTR(-ENOMEM);
	}
	return buffer;
}

static struct dma_buf *null_heap_allocate_address(struct dma_heap *dma_heap, unsigned long len,
						  u32 fd_flags, u64 heap_flags)
{
	struct dma_buf_export_info info = {
		.exp_name = dma_heap_get_name(dma_heap),
		.owner = THIS_MODULE,
		.ops = &null_heap_address_buf_ops,
		.size = len,
		.flags = fd_flags,
	};
	struct null_buffer *buffer = null_buffer_create(dma_heap_get_drvdata(dma_heap), len);
	struct dma_buf *dmabuf;

	if (IS_ERR(buffer))
		return ERR_CAST(buffer);
	info.priv = buffer;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf))
		null_heap_free(buffer);
	return dmabuf;
}

static const struct dma_heap_ops null_heap_address_ops = {
	.allocate = null_heap_allocate_address,
};

static int __init null_heap_fill(struct null_heap *heap)
{
	int ret;

	mutex_init(&heap->lock);
	heap->pool = gen_pool_create(PAGE_SHIFT, NUMA_NO_NODE);
	if (!heap->pool)
		return -ENOMEM;
	ret = gen_pool_add(heap->pool, NULL_HEAP_BASE, NULL_HEAP_SIZE, NUMA_NO_NODE);
	if (ret)
		gen_pool_destroy(heap->pool);
	return ret;
}

/* Must not fail once a heap is added, because the heap cannot be removed. */
static int __init null_heap_init(void)
{
	struct dma_heap_export_info first_fit = {
		.name = "first-fit",
		.ops = &null_heap_address_ops,
		.priv = &null_heap_first_fit,
	};
	struct dma_heap_export_info nothing = {
		.name = "null",
		.ops = &null_heap_ops,
		.priv = &null_heap,
	};
	struct dma_heap *added;
	int ret;

	ret = null_heap_fill(&null_heap_first_fit);
	if (ret)
		return ret;
	added = dma_heap_add(&first_fit);
	if (IS_ERR(added)) {
		gen_pool_destroy(null_heap_first_fit.pool);
		return PTR_ERR(added);
	}
	added = dma_heap_add(&nothing);
	if (IS_ERR(added))
		pr_warn("null_heap: cannot add the heap null: %pe\n", added);
	return 0;
}
module_init(null_heap_init);

MODULE_DESCRIPTION("DMA-BUF heaps without memory, as references for benchmarks");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("DMA_BUF_HEAP");
