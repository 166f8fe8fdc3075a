/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A table of names: open addressing, keys not copied, hashed by where its arena lies, so that no file can make them
 * collide. */
#ifndef ONYX_GRAPH_NAMES_H
#define ONYX_GRAPH_NAMES_H

#include <stdint.h>

#include "base/memory.h"

typedef struct name_entry {
    const char *name;
    void *item;
} name_entry;

typedef struct name_table {
    arena *arena;
    name_entry *entries;
    size_t capacity, count; /* capacity a power of two */
} name_table;

/* NULL where there is none. */
void *name_get(const name_table *table, const char *name);
/* Replaces what stood there; false when memory is out. */
bool name_put(name_table *table, const char *name, void *item);

#endif
