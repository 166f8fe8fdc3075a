/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Blocks of detections and the pool that keeps their arrays between frames. */
#include "detections.h"

#include <math.h>
#include <string.h>

#define POOL_SIZE 32
#define MAX_MASK_BYTES (64u << 20)

struct _OnyxDetectionPool {
    gint ref_count; /* the owner's, and one per block that is out */
    GMutex lock;
    guint n_free;
    OnyxDetections *free[POOL_SIZE];
};

OnyxDetectionPool *onyx_detection_pool_new(void)
{
    OnyxDetectionPool *pool = g_new0(OnyxDetectionPool, 1);
    pool->ref_count = 1;
    g_mutex_init(&pool->lock);
    return pool;
}

static void block_free(OnyxDetections *block)
{
    g_free(block->items);
    g_free(block->keypoints);
    g_free(block->masks);
    g_free(block->mask_data);
    g_free(block);
}

void onyx_detection_pool_unref(OnyxDetectionPool *pool)
{
    if (!pool || !g_atomic_int_dec_and_test(&pool->ref_count))
        return;
    for (guint i = 0; i < pool->n_free; i++)
        block_free(pool->free[i]);
    g_mutex_clear(&pool->lock);
    g_free(pool);
}

static OnyxDetections *pool_take(OnyxDetectionPool *pool)
{
    OnyxDetections *block = NULL;
    g_mutex_lock(&pool->lock);
    if (pool->n_free > 0)
        block = pool->free[--pool->n_free];
    g_mutex_unlock(&pool->lock);
    g_atomic_int_inc(&pool->ref_count);
    return block;
}

OnyxDetections *onyx_detections_new(OnyxDetectionPool *pool)
{
    OnyxDetections *block = pool ? pool_take(pool) : NULL;
    if (!block)
        block = g_new0(OnyxDetections, 1);
    block->count = block->n_keypoints = block->n_masks = 0;
    block->mask_bytes = 0;
    block->source = 0;
    block->ref_count = 1;
    block->pool = pool;
    return block;
}

OnyxDetections *onyx_detections_ref(OnyxDetections *detections)
{
    g_atomic_int_inc(&detections->ref_count);
    return detections;
}

void onyx_detections_unref(OnyxDetections *detections)
{
    if (!detections || !g_atomic_int_dec_and_test(&detections->ref_count))
        return;
    OnyxDetectionPool *pool = detections->pool;
    detections->pool = NULL;
    if (pool) {
        g_mutex_lock(&pool->lock);
        if (pool->n_free < POOL_SIZE) {
            pool->free[pool->n_free++] = detections;
            detections = NULL;
        }
        g_mutex_unlock(&pool->lock);
        onyx_detection_pool_unref(pool);
    }
    if (detections)
        block_free(detections);
}

gboolean onyx_detections_is_writable(const OnyxDetections *detections)
{
    return g_atomic_int_get(&detections->ref_count) == 1;
}

/* The new size of an array that must hold `needed` elements. */
static gsize grown(gsize size, gsize needed)
{
    gsize doubled = size ? size * 2 : 16;
    return MAX(doubled, needed);
}

OnyxDetection *onyx_detections_append(OnyxDetections *detections)
{
    if (detections->count == detections->items_size) {
        detections->items_size = (guint)grown(detections->items_size, detections->count + 1);
        detections->items = g_renew(OnyxDetection, detections->items, detections->items_size);
    }
    OnyxDetection *item = &detections->items[detections->count++];
    memset(item, 0, sizeof *item);
    return item;
}

guint onyx_detections_append_keypoints(OnyxDetections *detections, guint n)
{
    guint first = detections->n_keypoints;
    if (n > detections->keypoints_size - first) {
        detections->keypoints_size = (guint)grown(detections->keypoints_size, (gsize)first + n);
        detections->keypoints = g_renew(OnyxKeypoint, detections->keypoints, detections->keypoints_size);
    }
    detections->n_keypoints = first + n;
    return first;
}

guint onyx_detections_append_mask(OnyxDetections *detections, guint width, guint height)
{
    if (width == 0 || height == 0 || width > MAX_MASK_BYTES / height)
        return 0;
    gsize bytes = (gsize)width * height;
    if (detections->n_masks == detections->masks_size) {
        detections->masks_size = (guint)grown(detections->masks_size, detections->n_masks + 1);
        detections->masks = g_renew(OnyxMask, detections->masks, detections->masks_size);
    }
    if (bytes > detections->mask_data_size - detections->mask_bytes) {
        detections->mask_data_size = grown(detections->mask_data_size, detections->mask_bytes + bytes);
        detections->mask_data = g_realloc(detections->mask_data, detections->mask_data_size);
    }
    OnyxMask *mask = &detections->masks[detections->n_masks++];
    *mask = (OnyxMask){ .width = width, .height = height, .offset = detections->mask_bytes };
    detections->mask_bytes += bytes;
    return detections->n_masks;
}

static guint copy_keypoints(OnyxDetections *to, const OnyxDetections *from, const OnyxDetection *item)
{
    guint first = onyx_detections_append_keypoints(to, item->n_keypoints);
    if (item->n_keypoints)
        memcpy(to->keypoints + first, from->keypoints + item->first_keypoint, item->n_keypoints * sizeof(OnyxKeypoint));
    return first;
}

static guint copy_mask(OnyxDetections *to, const OnyxDetections *from, const OnyxDetection *item)
{
    if (item->mask == 0)
        return 0;
    const OnyxMask *mask = &from->masks[item->mask - 1];
    guint index = onyx_detections_append_mask(to, mask->width, mask->height);
    if (index == 0)
        return 0;
    OnyxMask *copy = &to->masks[index - 1];
    gsize offset = copy->offset;
    *copy = *mask;
    copy->offset = offset;
    memcpy(to->mask_data + offset, from->mask_data + mask->offset, (gsize)mask->width * mask->height);
    return index;
}

/* Appends a copy of `item` of the block `from` to `to`. */
static OnyxDetection *copy_item(OnyxDetections *to, const OnyxDetections *from, const OnyxDetection *item)
{
    OnyxDetection *copy = onyx_detections_append(to);
    *copy = *item;
    copy->first_keypoint = copy_keypoints(to, from, item);
    copy->mask = copy_mask(to, from, item);
    return copy;
}

OnyxDetections *onyx_detections_copy(const OnyxDetections *detections)
{
    OnyxDetections *copy = onyx_detections_new(detections->pool);
    copy->source = detections->source;
    for (guint i = 0; i < detections->count; i++)
        copy_item(copy, detections, &detections->items[i]);
    return copy;
}

/* --------------------------------------------------------------------------------------------------- transforms */

static void move_point(const OnyxTransform *t, gfloat *x, gfloat *y)
{
    gfloat w = t->m[2][0] * *x + t->m[2][1] * *y + t->m[2][2];
    gfloat inverse = fabsf(w) > 1e-12f ? 1.0f / w : 0.0f;
    gfloat moved_x = (t->m[0][0] * *x + t->m[0][1] * *y + t->m[0][2]) * inverse;
    gfloat moved_y = (t->m[1][0] * *x + t->m[1][1] * *y + t->m[1][2]) * inverse;
    *x = moved_x;
    *y = moved_y;
}

/* The upright box that encloses the moved corners; not clipped. */
static void move_box(const OnyxTransform *t, gfloat *x0, gfloat *y0, gfloat *x1, gfloat *y1)
{
    gfloat xs[4] = { *x0, *x1, *x1, *x0 }, ys[4] = { *y0, *y0, *y1, *y1 };
    for (int i = 0; i < 4; i++)
        move_point(t, &xs[i], &ys[i]);
    *x0 = MIN(MIN(xs[0], xs[1]), MIN(xs[2], xs[3]));
    *x1 = MAX(MAX(xs[0], xs[1]), MAX(xs[2], xs[3]));
    *y0 = MIN(MIN(ys[0], ys[1]), MIN(ys[2], ys[3]));
    *y1 = MAX(MAX(ys[0], ys[1]), MAX(ys[2], ys[3]));
}

/* Only stretched and shifted: what a mask's grid can follow. */
static gboolean keeps_upright(const OnyxTransform *t)
{
    return t->m[0][1] == 0 && t->m[1][0] == 0 && t->m[2][0] == 0 && t->m[2][1] == 0 && t->m[2][2] > 0 &&
           t->m[0][0] > 0 && t->m[1][1] > 0;
}

/* Moves `item` in place; false: nothing of it is left in the frame. */
static gboolean move_item(OnyxDetection *item, const OnyxTransform *t)
{
    move_box(t, &item->x0, &item->y0, &item->x1, &item->y1);
    if (item->rotated) {
        for (int i = 0; i < 4; i++)
            move_point(t, &item->corners[i][0], &item->corners[i][1]);
    }
    item->x0 = CLAMP(item->x0, 0.0f, (gfloat)t->width);
    item->x1 = CLAMP(item->x1, 0.0f, (gfloat)t->width);
    item->y0 = CLAMP(item->y0, 0.0f, (gfloat)t->height);
    item->y1 = CLAMP(item->y1, 0.0f, (gfloat)t->height);
    return item->x1 > item->x0 && item->y1 > item->y0;
}

OnyxDetections *onyx_detections_transform(const OnyxDetections *detections, const OnyxTransform *transform)
{
    OnyxDetections *result = onyx_detections_new(detections->pool);
    gboolean upright = keeps_upright(transform);
    result->source = detections->source;
    for (guint i = 0; i < detections->count; i++) {
        OnyxDetection moved = detections->items[i];
        if (!move_item(&moved, transform))
            continue;
        if (!upright)
            moved.mask = 0;
        OnyxDetection *item = copy_item(result, detections, &moved);
        for (guint k = 0; k < item->n_keypoints; k++) {
            OnyxKeypoint *point = &result->keypoints[item->first_keypoint + k];
            move_point(transform, &point->x, &point->y);
        }
        if (item->mask) {
            OnyxMask *mask = &result->masks[item->mask - 1];
            move_box(transform, &mask->x0, &mask->y0, &mask->x1, &mask->y1);
        }
    }
    return result;
}
