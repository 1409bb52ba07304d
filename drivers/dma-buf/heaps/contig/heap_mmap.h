/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the files of the library: kernel mappings.
 */
#ifndef _HEAP_MMAP_H
#define _HEAP_MMAP_H

#include <linux/pgtable.h>

struct heap_buffer;

void *heap_vmap_pages(const struct heap_buffer *buffer, pgprot_t prot);

#endif /* _HEAP_MMAP_H */
