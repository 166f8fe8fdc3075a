/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What one compilation packs anew is a batch: one region of memory, written in parallel, freed as a whole. A program
 * counts as user of each batch that it takes something from. */
#include "plan/packed.h"

#include <stdlib.h>
#include <string.h>

#include "base/region.h"
#include "base/size.h"

#define BUCKETS 256

/* A constant is told by its address where it lies in the model, which outlives all programs, else by its content. */
typedef struct constant_id {
    uint64_t low, high;
    size_t bytes;
} constant_id;

typedef struct batch batch;

typedef struct entry {
    struct entry *next; /* in the bucket */
    batch *batch;
    constant_id constant;
    packed_function *function;
    const void *form;
    size_t form_bytes, bytes;
    void *memory;
    const void *data; /* of the constant, and a reference to it: until it is written */
    buffer *source;
} entry;

struct batch {
    batch *next;
    int users;
    region *memory;
    arena *arena; /* entries and forms */
    entry **entries;
    int count, capacity;
};

struct packed_store {
    entry *buckets[BUCKETS];
    batch *batches;
};

struct packed_set {
    packed_store *store;
    batch *own;   /* NULL: nothing new yet */
    batch **used; /* each once, own included */
    int count, capacity;
    bool written;
};

packed_store *packed_store_new(void)
{
    return calloc(1, sizeof(packed_store));
}

static void batch_free(batch *b)
{
    for (int i = 0; i < b->count; i++)
        buffer_unref(b->entries[i]->source);
    region_free(b->memory);
    arena_free(b->arena);
    free(b->entries);
    free(b);
}

void packed_store_free(packed_store *store)
{
    if (!store)
        return;
    for (batch *b = store->batches, *next; b; b = next) {
        next = b->next;
        batch_free(b);
    }
    free(store);
}

size_t packed_store_bytes(const packed_store *store)
{
    size_t bytes = 0;
    for (const batch *b = store->batches; b; b = b->next)
        bytes += region_size(b->memory);
    return bytes;
}

packed_set *packed_set_new(packed_store *store)
{
    packed_set *set = calloc(1, sizeof(*set));
    if (set)
        set->store = store;
    return set;
}

/* Forgets a batch that nobody uses. */
static void batch_drop(packed_store *store, batch *b)
{
    for (int i = 0; i < BUCKETS; i++)
        for (entry **at = &store->buckets[i]; *at;)
            if ((*at)->batch == b)
                *at = (*at)->next;
            else
                at = &(*at)->next;
    for (batch **at = &store->batches; *at; at = &(*at)->next)
        if (*at == b) {
            *at = b->next;
            break;
        }
    batch_free(b);
}

void packed_set_free(packed_set *set)
{
    if (!set)
        return;
    for (int i = 0; i < set->count; i++)
        if (--set->used[i]->users == 0 || (set->used[i] == set->own && !set->written))
            batch_drop(set->store, set->used[i]);
    free(set->used);
    free(set);
}

/* ---- identity ---- */

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t finish(uint64_t x)
{
    x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

/* 128 bits of some bytes, in four lanes of multiply and rotate (the scheme of xxHash64). */
static constant_id hash_bytes(const void *data, size_t bytes)
{
    uint64_t lanes[4] = { 1, 2, 3, 4 };
    const char *from = data;
    for (size_t at = 0; at < bytes; at += 32) {
        uint64_t words[4] = { 0 };
        memcpy(words, from + at, MIN((size_t)32, bytes - at));
        for (int i = 0; i < 4; i++)
            lanes[i] = rotate(lanes[i] + words[i] * UINT64_C(0xc2b2ae3d27d4eb4f), 31) * UINT64_C(0x9e3779b185ebca87);
    }
    const uint64_t sum = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    const uint64_t other = lanes[0] ^ rotate(lanes[1], 23) ^ rotate(lanes[2], 41) ^ rotate(lanes[3], 55);
    return (constant_id){ finish(sum + bytes), finish(other - bytes), bytes };
}

static constant_id identify(const graph_value *constant)
{
    const onyx_tensor *tensor = &constant->constant;
    if (buffer_is_borrowed(constant->storage))
        return (constant_id){ (uintptr_t)tensor->data, 0, tensor->size_bytes };
    return hash_bytes(tensor->data, tensor->size_bytes);
}

static bool same(const entry *a, const entry *b)
{
    return a->constant.low == b->constant.low && a->constant.high == b->constant.high &&
           a->constant.bytes == b->constant.bytes && a->function == b->function && a->bytes == b->bytes &&
           a->form_bytes == b->form_bytes && memcmp(a->form, b->form, a->form_bytes) == 0;
}

/* ---- adding ---- */

static bool use(packed_set *set, batch *b)
{
    for (int i = 0; i < set->count; i++)
        if (set->used[i] == b)
            return true;
    if (set->count == set->capacity) {
        const int capacity = set->capacity ? 2 * set->capacity : 4;
        batch **larger = realloc(set->used, sizeof(*larger) * (size_t)capacity);
        if (!larger)
            return false;
        set->used = larger;
        set->capacity = capacity;
    }
    set->used[set->count++] = b;
    b->users++;
    return true;
}

static batch *own_batch(packed_set *set)
{
    if (set->own)
        return set->own;
    batch *b = calloc(1, sizeof(*b));
    if (!b)
        return NULL;
    b->memory = region_new();
    b->arena = arena_new(0);
    if (!b->memory || !b->arena || !use(set, b)) {
        batch_free(b);
        return NULL;
    }
    b->next = set->store->batches;
    set->store->batches = b;
    return set->own = b;
}

static const void *add_new(packed_set *set, entry wanted, const graph_value *constant, entry **bucket)
{
    batch *b = own_batch(set);
    if (!b)
        return NULL;
    if (b->count == b->capacity) {
        const int capacity = b->capacity ? 2 * b->capacity : 64;
        entry **larger = realloc(b->entries, sizeof(*larger) * (size_t)capacity);
        if (!larger)
            return NULL;
        b->entries = larger;
        b->capacity = capacity;
    }
    entry *e = arena_alloc(b->arena, sizeof(*e));
    wanted.form = arena_copy(b->arena, wanted.form, wanted.form_bytes);
    wanted.memory = region_reserve(b->memory, wanted.bytes);
    if (!e || !wanted.form || !wanted.memory)
        return NULL;
    wanted.batch = b;
    wanted.data = constant->constant.data;
    wanted.source = buffer_ref(constant->storage);
    wanted.next = *bucket;
    *e = wanted;
    *bucket = e;
    b->entries[b->count++] = e;
    return e->memory;
}

const void *packed_set_add(packed_set *set, const graph_value *constant, packed_function *function, const void *form,
                           size_t form_bytes, size_t bytes)
{
    const entry wanted = {
        .constant = identify(constant), .function = function, .form = form, .form_bytes = form_bytes, .bytes = bytes
    };
    entry **bucket = &set->store->buckets[finish(wanted.constant.low) % BUCKETS];
    for (const entry *e = *bucket; e; e = e->next)
        if (same(e, &wanted))
            return use(set, e->batch) ? e->memory : NULL;
    return add_new(set, wanted, constant, bucket);
}

void packed_copy(const void *form, const void *source, void *packed)
{
    memcpy(packed, source, *(const size_t *)form);
}

/* ---- writing ---- */

static int larger_first(const void *a, const void *b)
{
    const entry *x = *(entry *const *)a, *y = *(entry *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return (uintptr_t)x->memory < (uintptr_t)y->memory ? -1 : 1;
}

typedef struct writing {
    entry **entries;
    const model_file *file;
} writing;

static void write_entry(void *context, int part, int worker)
{
    const writing *w = context;
    entry *e = w->entries[part];
    (void)worker;
    region_populate(e->memory, e->bytes);
    e->function(e->form, e->data, e->memory);
    if (buffer_is_borrowed(e->source))
        model_drop_bytes(w->file, e->data, e->constant.bytes);
    buffer_unref(e->source);
    e->source = NULL;
}

onyx_status packed_set_write(packed_set *set, const model_file *file, workers *pool, size_t limit_bytes,
                             onyx_error *error)
{
    batch *b = set->own;
    set->written = true;
    if (!b)
        return ONYX_OK;
    if (packed_store_bytes(set->store) > limit_bytes) {
        set->written = false;
        return status_fail(error, ONYX_ERROR_LIMIT, "packed weights take %zu bytes, more than %zu (max_memory_bytes)",
                           packed_store_bytes(set->store), limit_bytes);
    }
    if (!region_commit(b->memory)) {
        set->written = false;
        return status_no_memory(error, region_size(b->memory), "packed weights");
    }
    qsort(b->entries, (size_t)b->count, sizeof(*b->entries), larger_first);
    workers_run(pool, write_entry, &(writing){ b->entries, file }, b->count);
    return ONYX_OK;
}
