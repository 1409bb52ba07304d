/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What heaps are called.
 */
#ifndef _HEAP_NAME_H
#define _HEAP_NAME_H

const char *heap_name_claim(const char *region, const char *properties);
void heap_name_unclaim(const char *name);
const char *heap_name_why(int err);

#endif /* _HEAP_NAME_H */
