/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A region is a list of spans of reserved addresses. Only the newest span takes blocks; commit makes its used part
 * accessible and unmaps the rest. Reserved addresses cost nothing, not even against a strict overcommit limit. */
#include "base/region.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/poison.h"
#include "base/size.h"

#define SPAN_BYTES ((size_t)64 << 20)
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

typedef struct span {
    struct span *next;
    char *data;
    size_t size, used; /* size: of the mapping */
    bool committed;
} span;

struct region {
    span *spans; /* the newest first */
    size_t bytes;
};

static size_t page_bytes(void)
{
    const long size = sysconf(_SC_PAGESIZE);
    return size > 0 ? (size_t)size : 4096;
}

region *region_new(void)
{
    return calloc(1, sizeof(region));
}

void region_free(region *r)
{
    if (!r)
        return;
    for (span *s = r->spans, *next; s; s = next) {
        next = s->next;
        memory_show(s->data, s->size);
        munmap(s->data, s->size);
        free(s);
    }
    free(r);
}

/* Addresses that begin on a huge page. */
static span *span_new(size_t least)
{
    size_t size, whole;
    span *s = malloc(sizeof(*s));
    if (!s || !size_add(MAX(least, SPAN_BYTES), REGION_HUGE - 1, &size) ||
        !size_add(size &= ~(REGION_HUGE - 1), REGION_HUGE, &whole)) {
        free(s);
        return NULL;
    }
    char *mapped = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) {
        free(s);
        return NULL;
    }
    const size_t before = -(uintptr_t)mapped & (REGION_HUGE - 1);
    if (before)
        munmap(mapped, before);
    munmap(mapped + before + size, whole - before - size);
    *s = (span){ .data = mapped + before, .size = size };
    return s;
}

void *region_reserve(region *r, size_t bytes)
{
    size_t whole;
    if (!size_add(bytes, ONYX_SLACK + MEMORY_GAP + ONYX_ALIGNMENT - 1, &whole))
        return NULL;
    whole &= ~(size_t)(ONYX_ALIGNMENT - 1);
    span *s = r->spans;
    if (!s || s->committed || s->size - s->used < whole) {
        s = span_new(whole);
        if (!s)
            return NULL;
        s->next = r->spans;
        r->spans = s;
    }
    char *memory = s->data + s->used;
    s->used += whole;
    r->bytes += whole;
    memory_hide(memory + bytes + ONYX_SLACK, whole - bytes - ONYX_SLACK);
    return memory;
}

void region_wish_huge(void *memory, size_t bytes)
{
    const size_t before = -(uintptr_t)memory & (REGION_HUGE - 1);
    if (bytes >= before + REGION_HUGE)
        madvise((char *)memory + before, (bytes - before) & ~(REGION_HUGE - 1), MADV_HUGEPAGE);
}

static bool commit_span(span *s)
{
    const size_t page = page_bytes(), used = (s->used + page - 1) / page * page;
    if (mprotect(s->data, used, PROT_READ | PROT_WRITE) != 0)
        return false;
    if (used < s->size)
        munmap(s->data + used, s->size - used);
    s->size = used;
    s->committed = true;
    region_wish_huge(s->data, used);
    return true;
}

bool region_commit(region *r)
{
    for (span *s = r->spans; s && !s->committed; s = s->next)
        if (!commit_span(s))
            return false;
    return true;
}

size_t region_size(const region *r)
{
    return r->bytes;
}

void region_populate(void *memory, size_t bytes)
{
    const size_t page = page_bytes();
    char *first = (char *)memory - (uintptr_t)memory % page;
    madvise(first, ((size_t)((char *)memory - first) + bytes + page - 1) / page * page, MADV_POPULATE_WRITE);
}
