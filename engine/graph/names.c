/* SPDX-License-Identifier: BSD-2-Clause */
#include "graph/names.h"

#include <string.h>

static uint64_t name_hash(const name_table *table, const char *name)
{
    const uint64_t factor = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t hash = (uint64_t)(uintptr_t)table->arena * factor;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * factor, hash ^= hash >> 29;
    return hash;
}

static name_entry *name_slot(const name_table *table, name_entry *entries, size_t capacity, const char *name)
{
    size_t i = (size_t)name_hash(table, name) & (capacity - 1);
    while (entries[i].name && strcmp(entries[i].name, name) != 0)
        i = (i + 1) & (capacity - 1);
    return &entries[i];
}

void *name_get(const name_table *table, const char *name)
{
    return table->capacity ? name_slot(table, table->entries, table->capacity, name)->item : NULL;
}

bool name_put(name_table *table, const char *name, void *item)
{
    if (2 * (table->count + 1) > table->capacity) {
        size_t capacity = table->capacity ? 2 * table->capacity : 16;
        name_entry *entries = arena_alloc(table->arena, sizeof(*entries) * capacity);
        if (!entries)
            return false;
        for (size_t i = 0; i < table->capacity; i++)
            if (table->entries[i].name)
                *name_slot(table, entries, capacity, table->entries[i].name) = table->entries[i];
        table->entries = entries;
        table->capacity = capacity;
    }
    name_entry *slot = name_slot(table, table->entries, table->capacity, name);
    table->count += slot->name == NULL;
    *slot = (name_entry){ name, item };
    return true;
}
