/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The memory plan: views are resolved to their roots, each root in the arena lives from its first write to its last
 * read, and roots are placed largest first at the lowest offset where nothing that lives at the same time lies. */
#include "plan/planner.h"

#include <assert.h>
#include <stdlib.h>

typedef struct lifetime {
    int slot, first, last;
    size_t bytes, place;
} lifetime;

static void resolve_views(program *p)
{
    for (int i = 0; i < p->slot_count; i++) {
        program_slot *slot = &p->slots[i];
        slot->root = i;
        slot->offset = 0;
        while (p->slots[slot->root].base >= 0) {
            slot->offset += p->slots[slot->root].base_offset;
            slot->root = p->slots[slot->root].base;
        }
        slot->kind = p->slots[slot->root].kind;
        slot->index = p->slots[slot->root].index;
        assert(slot->kind == SLOT_DYNAMIC ||
               slot->offset + slot->tensor.size_bytes <= p->slots[slot->root].tensor.size_bytes);
    }
}

static void touch(const program *p, lifetime *lives, int slot, int step)
{
    if (slot < 0)
        return;
    lifetime *life = &lives[p->slots[slot].root];
    life->first = MIN(life->first, step);
    life->last = MAX(life->last, step);
}

static int larger_first(const void *a, const void *b)
{
    const lifetime *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->slot - y->slot;
}

static int by_place(const void *a, const void *b)
{
    const lifetime *x = *(const lifetime *const *)a, *y = *(const lifetime *const *)b;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* The lowest offset at which `life` fits between those of `placed` that live with it. */
static size_t find_place(const lifetime *life, const lifetime *placed, int count, const lifetime **beside)
{
    int n = 0;
    for (int i = 0; i < count; i++)
        if (placed[i].first <= life->last && life->first <= placed[i].last)
            beside[n++] = &placed[i];
    qsort(beside, (size_t)n, sizeof(*beside), by_place);
    size_t place = 0;
    for (int i = 0; i < n; i++) {
        if (place + life->bytes <= beside[i]->place)
            break;
        place = MAX(place, beside[i]->place + beside[i]->bytes);
    }
    return place;
}

static onyx_status past_limit(const planner *pl, const program_slot *slot)
{
    return status_fail(pl->error, ONYX_ERROR_LIMIT,
                       "with value '%s' the values between the steps take more than %zu bytes (max_memory_bytes)",
                       slot->name ? slot->name : "", pl->memory_limit);
}

onyx_status plan_memory(planner *pl)
{
    program *p = pl->program;
    const size_t limit = MIN(pl->memory_limit, SIZE_MAX / 4); /* so that no sum below can overflow */
    resolve_views(p);
    lifetime *lives = plan_alloc(pl, sizeof(*lives) * (size_t)p->slot_count);
    lifetime *order = plan_alloc(pl, sizeof(*order) * (size_t)p->slot_count);
    const lifetime **beside = plan_alloc(pl, sizeof(*beside) * (size_t)p->slot_count);
    if (!lives || !order || !beside)
        return ONYX_ERROR_MEMORY;
    for (int i = 0; i < p->slot_count; i++)
        lives[i] = (lifetime){ .slot = i, .first = p->step_count, .last = -1 };
    for (int i = 0; i < p->step_count; i++) {
        for (int k = 0; k < p->steps[i].input_count; k++)
            touch(p, lives, p->steps[i].inputs[k], i);
        for (int k = 0; k < p->steps[i].output_count; k++)
            touch(p, lives, p->steps[i].outputs[k], i);
    }
    int count = 0;
    for (int i = 0; i < p->slot_count; i++) {
        program_slot *slot = &p->slots[i];
        if (slot->root != i)
            continue;
        if (slot->tensor.size_bytes > limit && slot->kind != SLOT_CONSTANT)
            return past_limit(pl, slot);
        /* behind each root one more line: kernels may read past an end */
        size_t bytes = size_align(slot->tensor.size_bytes + ONYX_SLACK, ONYX_ALIGNMENT);
        if (slot->kind == SLOT_OUTPUT) {
            slot->place = p->outputs_bytes;
            p->outputs_bytes += bytes;
            if (p->outputs_bytes > limit)
                return past_limit(pl, slot);
        } else if (slot->kind == SLOT_ARENA && lives[i].last >= 0) {
            lives[i].bytes = bytes;
            order[count++] = lives[i];
        }
    }
    qsort(order, (size_t)count, sizeof(*order), larger_first);
    for (int i = 0; i < count; i++) {
        order[i].place = find_place(&order[i], order, i, beside);
        p->slots[order[i].slot].place = order[i].place;
        p->arena_bytes = MAX(p->arena_bytes, order[i].place + order[i].bytes);
        if (p->arena_bytes + p->outputs_bytes > limit)
            return past_limit(pl, &p->slots[order[i].slot]);
    }
    return ONYX_OK;
}
