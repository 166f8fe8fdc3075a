/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Memory for many blocks whose sum is not known at first: addresses are handed out at once, memory comes behind them
 * when all are known. Huge pages where the system gives them on request: most of the time it takes to load a model
 * would else go into page faults. */
#ifndef ONYX_BASE_REGION_H
#define ONYX_BASE_REGION_H

#include <stdbool.h>
#include <stddef.h>

typedef struct region region;
region *region_new(void);
void region_free(region *r); /* NULL is allowed */
/* The address of `bytes` bytes, aligned for kernels and with ONYX_SLACK behind; it may be used after region_commit.
 * NULL when addresses are out. */
void *region_reserve(region *r, size_t bytes);
/* Puts memory behind what was reserved since the last commit, and gives the other addresses back. */
bool region_commit(region *r);
/* Bytes reserved, slack included. */
size_t region_size(const region *r);

/* Fetches the pages of a block that is about to be written, at once instead of one fault each. Never fails. */
void region_populate(void *memory, size_t bytes);
/* Wishes huge pages for the inner part of a large block; *memory stays what it is. */
void region_wish_huge(void *memory, size_t bytes);

/* Blocks that are worth huge pages start on this boundary. */
#define REGION_HUGE ((size_t)2 << 20)

#endif
