/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What came out of a run, counted by reference. When the last reference goes the memory returns to its session's pool,
 * from whichever thread, and serves a later run. */
#include <stdlib.h>

#include "base/size.h"
#include "run/run.h"

bool grown_reserve(grown *g, size_t bytes)
{
    if (g->data && bytes <= g->capacity)
        return true;
    size_t capacity = MAX(bytes, (size_t)64);
    void *larger = memory_alloc(capacity);
    if (!larger)
        return false;
    memory_free(g->data);
    *g = (grown){ larger, capacity };
    return true;
}

outputs_pool *outputs_pool_new(void)
{
    outputs_pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->mutex, NULL);
    pool->references = 1;
    return pool;
}

static void free_outputs(onyx_outputs *outputs)
{
    for (int i = 0; outputs->dynamic && i < outputs->count; i++)
        memory_free(outputs->dynamic[i].data);
    free(outputs->dynamic);
    free(outputs->tensors);
    memory_free(outputs->block);
    free(outputs);
}

/* Called with the mutex held; frees the pool with its last reference, and unlocks. */
static void drop_reference(outputs_pool *pool)
{
    const bool last = --pool->references == 0;
    pthread_mutex_unlock(&pool->mutex);
    if (last) {
        pthread_mutex_destroy(&pool->mutex);
        free(pool);
    }
}

void outputs_pool_close(outputs_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->closed = true;
    onyx_outputs *free_list = pool->free;
    pool->free = NULL;
    drop_reference(pool);
    while (free_list) {
        onyx_outputs *next = free_list->next;
        free_outputs(free_list);
        free_list = next;
    }
}

static onyx_outputs *new_outputs(const program *p)
{
    onyx_outputs *outputs = calloc(1, sizeof(*outputs));
    if (!outputs)
        return NULL;
    outputs->count = p->output_count;
    outputs->tensors = calloc((size_t)p->output_count + 1, sizeof(*outputs->tensors));
    outputs->dynamic = calloc((size_t)p->output_count + 1, sizeof(*outputs->dynamic));
    outputs->block = memory_alloc(p->outputs_bytes);
    if (!outputs->tensors || !outputs->dynamic || !outputs->block) {
        free_outputs(outputs);
        return NULL;
    }
    for (int i = 0; i < p->output_count; i++) {
        const program_slot *slot = &p->slots[p->outputs[i]];
        outputs->tensors[i] = slot->tensor;
        outputs->tensors[i].data = slot->kind == SLOT_OUTPUT
                                       ? (char *)outputs->block + p->slots[slot->root].place + slot->offset : NULL;
    }
    return outputs;
}

onyx_outputs *outputs_take(outputs_pool *pool, const program *p)
{
    pthread_mutex_lock(&pool->mutex);
    onyx_outputs *outputs = pool->free;
    if (outputs)
        pool->free = outputs->next;
    pool->references++;
    pthread_mutex_unlock(&pool->mutex);
    if (!outputs)
        outputs = new_outputs(p);
    if (!outputs) {
        pthread_mutex_lock(&pool->mutex);
        drop_reference(pool);
        return NULL;
    }
    outputs->next = NULL;
    outputs->pool = pool;
    atomic_store_explicit(&outputs->references, 1, memory_order_relaxed);
    return outputs;
}

onyx_outputs *onyx_outputs_ref(onyx_outputs *outputs)
{
    atomic_fetch_add_explicit(&outputs->references, 1, memory_order_relaxed);
    return outputs;
}

void onyx_outputs_unref(onyx_outputs *outputs)
{
    if (!outputs || atomic_fetch_sub_explicit(&outputs->references, 1, memory_order_acq_rel) != 1)
        return;
    outputs_pool *pool = outputs->pool;
    pthread_mutex_lock(&pool->mutex);
    const bool keep = !pool->closed;
    if (keep) {
        outputs->next = pool->free;
        pool->free = outputs;
    }
    drop_reference(pool);
    if (!keep)
        free_outputs(outputs);
}

int onyx_outputs_count(const onyx_outputs *outputs)
{
    return outputs->count;
}

onyx_status onyx_outputs_get(const onyx_outputs *outputs, int index, onyx_tensor *tensor)
{
    if (!outputs || !tensor || index < 0 || index >= outputs->count)
        return ONYX_ERROR_ARGUMENT;
    *tensor = outputs->tensors[index];
    return ONYX_OK;
}
