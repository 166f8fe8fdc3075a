/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A strided copy is normalised first (ones dropped, neighbours that run on merged), then done by rows: memcpy where
 * both sides are contiguous, tiles where the source's fast dimension is another one, a plain loop otherwise. */
#include "ops/strided.h"

#include <assert.h>
#include <string.h>

#include "base/size.h"
#include "ops/shape.h"

#define TILE 32
#define PARALLEL_BYTES (256 * 1024)

typedef struct complex128 {
    double re, im;
} complex128;

/* One row of n elements; TILED does `rows` of them, row r at dst + r * drow, src + r * srow, in tiles. */
#define ROW_LOOPS(NAME, T)                                                                                             \
    static void row_##NAME(void *dst, int64_t ds, const void *src, int64_t ss, int64_t n)                              \
    {                                                                                                                  \
        T *d = dst;                                                                                                    \
        const T *s = src;                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                                                \
            d[i * ds] = s[i * ss];                                                                                     \
    }                                                                                                                  \
    static void tiled_##NAME(void *dst, int64_t drow, int64_t ds, const void *src, int64_t srow, int64_t ss,           \
                             int64_t rows, int64_t n)                                                                  \
    {                                                                                                                  \
        for (int64_t r0 = 0; r0 < rows; r0 += TILE) {                                                                  \
            for (int64_t i0 = 0; i0 < n; i0 += TILE) {                                                                 \
                for (int64_t r = r0; r < MIN(r0 + TILE, rows); r++)                                                    \
                    row_##NAME((T *)dst + r * drow + i0 * ds, ds, (const T *)src + r * srow + i0 * ss, ss,             \
                               MIN(TILE, n - i0));                                                                     \
            }                                                                                                          \
        }                                                                                                              \
    }

ROW_LOOPS(8, uint8_t)
ROW_LOOPS(16, uint16_t)
ROW_LOOPS(32, uint32_t)
ROW_LOOPS(64, uint64_t)
ROW_LOOPS(128, complex128)

typedef struct loops {
    void (*row)(void *dst, int64_t ds, const void *src, int64_t ss, int64_t n);
    void (*tiled)(void *dst, int64_t drow, int64_t ds, const void *src, int64_t srow, int64_t ss, int64_t rows,
                  int64_t n);
} loops;

static loops loops_for(size_t element_bytes)
{
    switch (element_bytes) {
    case 1:
        return (loops){ row_8, tiled_8 };
    case 2:
        return (loops){ row_16, tiled_16 };
    case 4:
        return (loops){ row_32, tiled_32 };
    case 8:
        return (loops){ row_64, tiled_64 };
    default:
        assert(element_bytes == 16);
        return (loops){ row_128, tiled_128 };
    }
}

static strided_copy normalise(const strided_copy *copy)
{
    strided_copy n = { .rank = 0, .element_bytes = copy->element_bytes };
    for (int i = 0; i < copy->rank; i++) {
        if (copy->dims[i] == 1)
            continue;
        int last = n.rank - 1;
        if (last >= 0 && n.dst_strides[last] == copy->dst_strides[i] * copy->dims[i] &&
            n.src_strides[last] == copy->src_strides[i] * copy->dims[i]) {
            n.dims[last] *= copy->dims[i];
            n.dst_strides[last] = copy->dst_strides[i];
            n.src_strides[last] = copy->src_strides[i];
            continue;
        }
        n.dims[n.rank] = copy->dims[i];
        n.dst_strides[n.rank] = copy->dst_strides[i];
        n.src_strides[n.rank] = copy->src_strides[i];
        n.rank++;
    }
    if (n.rank == 0) {
        n.rank = 1;
        n.dims[0] = n.dst_strides[0] = n.src_strides[0] = 1;
    }
    return n;
}

/* Puts the dimension in which the source is contiguous next to the last, where tiles are cut. */
static bool move_source_dim(strided_copy *n)
{
    int last = n->rank - 1;
    if (n->src_strides[last] == 1 || n->rank < 2)
        return false;
    for (int i = 0; i < last; i++) {
        if (n->src_strides[i] != 1)
            continue;
        int64_t dim = n->dims[i], ds = n->dst_strides[i];
        for (int j = i; j < last - 1; j++) {
            n->dims[j] = n->dims[j + 1];
            n->dst_strides[j] = n->dst_strides[j + 1];
            n->src_strides[j] = n->src_strides[j + 1];
        }
        n->dims[last - 1] = dim;
        n->dst_strides[last - 1] = ds;
        n->src_strides[last - 1] = 1;
        return true;
    }
    return false;
}

static void copy_normal(const strided_copy *n, char *dst, const char *src, bool tiled)
{
    loops l = loops_for(n->element_bytes);
    int64_t e = (int64_t)n->element_bytes;
    int outer = tiled ? n->rank - 2 : n->rank - 1, last = n->rank - 1;
    int64_t index[ONYX_MAX_RANK] = { 0 };
    bool contiguous = n->dst_strides[last] == 1 && n->src_strides[last] == 1;
    for (;;) {
        if (tiled)
            l.tiled(dst, n->dst_strides[last - 1], n->dst_strides[last], src, n->src_strides[last - 1],
                    n->src_strides[last], n->dims[last - 1], n->dims[last]);
        else if (contiguous)
            memcpy(dst, src, (size_t)(n->dims[last] * e));
        else
            l.row(dst, n->dst_strides[last], src, n->src_strides[last], n->dims[last]);
        int d = outer - 1;
        for (; d >= 0; d--) {
            dst += n->dst_strides[d] * e;
            src += n->src_strides[d] * e;
            if (++index[d] < n->dims[d])
                break;
            dst -= n->dst_strides[d] * n->dims[d] * e;
            src -= n->src_strides[d] * n->dims[d] * e;
            index[d] = 0;
        }
        if (d < 0)
            return;
    }
}

typedef struct copy_job {
    strided_copy copy; /* of one part: dims[0] is set by the part */
    int64_t length;    /* of dims[0] over all parts */
    int parts;
    bool tiled;
    char *dst;
    const char *src;
} copy_job;

static void copy_part(void *context, int part, int worker)
{
    const copy_job *job = context;
    (void)worker;
    int64_t begin = job->length * part / job->parts, end = job->length * (part + 1) / job->parts;
    if (begin == end)
        return;
    strided_copy copy = job->copy;
    int64_t e = (int64_t)copy.element_bytes;
    copy.dims[0] = end - begin;
    copy_normal(&copy, job->dst + begin * copy.dst_strides[0] * e, job->src + begin * copy.src_strides[0] * e,
                job->tiled);
}

void strided_run(const strided_copy *copy, void *dst, const void *src, workers *pool)
{
    size_t count = dims_product(copy->dims, 0, copy->rank);
    if (count == 0)
        return;
    copy_job job = { .copy = normalise(copy), .dst = dst, .src = src, .parts = 1 };
    job.tiled = move_source_dim(&job.copy);
    job.length = job.copy.dims[0];
    if (pool && count * copy->element_bytes >= PARALLEL_BYTES)
        job.parts = (int)MIN(job.length, 16);
    workers_run(pool, copy_part, &job, job.parts);
}

void strided_fill(void *dst, const void *value, size_t count, size_t element_bytes)
{
    char *d = dst;
    if (count == 0)
        return;
    memcpy(d, value, element_bytes);
    for (size_t done = 1; done < count;) { /* doubles what is there */
        size_t n = MIN(done, count - done);
        memcpy(d + done * element_bytes, d, n * element_bytes);
        done += n;
    }
}
