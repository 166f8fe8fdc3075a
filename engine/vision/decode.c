/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tensors -> detections: find the head, collect candidates, suppress, undo the geometry, add keypoints and masks. All
 * memory lives in vision_detections and is kept between calls. */
#include "vision/vision.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/status.h"
#include "base/types.h"
#include "vision/heads.h"
#include "vision/rows.h"

typedef struct growing {
    void *data;
    size_t capacity_bytes;
} growing;

struct vision_decode_memory {
    candidate_list candidates;
    growing order, kept, items, keypoints, masks, row;
    growing floats[HEAD_TENSORS + 1]; /* tensors of other types, as float32; the last is the prototypes' */
};

/* At least `count` elements; what was there is lost. NULL when memory is out. */
static void *grow(growing *g, size_t count, size_t size)
{
    size_t bytes;
    if (!size_mul(count ? count : 1, size, &bytes))
        return NULL;
    if (bytes > g->capacity_bytes) {
        free(g->data);
        bytes += bytes / 2;
        g->data = malloc(bytes);
        g->capacity_bytes = g->data ? bytes : 0;
    }
    return g->data;
}

onyx_status vision_detections_new(vision_detections **detections, onyx_error *error)
{
    vision_detections *d = calloc(1, sizeof *d);
    struct vision_decode_memory *memory = calloc(1, sizeof *memory);
    if (!d || !memory) {
        free(d);
        free(memory);
        return status_no_memory(error, sizeof *d + sizeof *memory, "detections");
    }
    d->memory = memory;
    *detections = d;
    return ONYX_OK;
}

void vision_detections_free(vision_detections *detections)
{
    if (!detections)
        return;
    struct vision_decode_memory *m = detections->memory;
    free(m->candidates.items);
    free(m->order.data);
    free(m->kept.data);
    free(m->items.data);
    free(m->keypoints.data);
    free(m->masks.data);
    free(m->row.data);
    for (size_t i = 0; i < ARRAY_LENGTH(m->floats); i++)
        free(m->floats[i].data);
    free(m);
    free(detections);
}

/* ------------------------------------------------------------------------------------------------ what was seen */

/* Appends to a text of fixed size, cutting it off where it is full. */
static size_t append(char *text, size_t size, size_t at, const char *format, ...) ONYX_PRINTF(4, 5);
static size_t append(char *text, size_t size, size_t at, const char *format, ...)
{
    va_list arguments;
    if (at + 1 >= size)
        return at;
    va_start(arguments, format);
    int written = vsnprintf(text + at, size - at, format, arguments);
    va_end(arguments);
    return written < 0 ? at : MIN(at + (size_t)written, size - 1);
}

static onyx_status fail_unknown(const onyx_tensor *tensors, const char *const *names, int count,
                                const onyx_geometry *geometry, onyx_error *error)
{
    char text[ONYX_ERROR_MESSAGE_SIZE];
    size_t at = append(text, sizeof text, 0, "no known detection head in %d output%s of a %d x %d input:", count,
                       count == 1 ? "" : "s", geometry->input_width, geometry->input_height);
    for (int i = 0; i < count && i < 16; i++) {
        at = append(text, sizeof text, at, "%s %s %s[", i ? "," : "", names && names[i] ? names[i] : "?",
                    onyx_type_name(tensors[i].type));
        for (int d = 0; d < tensors[i].rank; d++)
            at = append(text, sizeof text, at, "%s%lld", d ? "," : "", (long long)tensors[i].dims[d]);
        at = append(text, sizeof text, at, "]");
    }
    at = append(text, sizeof text, at, "%s\nunderstood are:", count > 16 ? ", ..." : "");
    for (int i = 0; vision_head_help(i); i++)
        at = append(text, sizeof text, at, "\n  %s: %s", vision_heads[i].name, vision_head_help(i));
    return status_fail(error, ONYX_ERROR_UNSUPPORTED, "%s", text);
}

static bool readable_type(onyx_type type)
{
    return type == ONYX_TYPE_FLOAT32 || type == ONYX_TYPE_FLOAT16 || type == ONYX_TYPE_FLOAT64 ||
           type == ONYX_TYPE_INT32 || type == ONYX_TYPE_INT64;
}

void head_tensor_of(const char *name, onyx_type type, int rank, const int64_t *dims, head_tensor *t)
{
    *t = (head_tensor){ .name = name ? name : "", .declared_rank = rank };
    if (!readable_type(type))
        return;
    if (rank == 4 && dims[0] == 1 && dims[1] == 1) { /* [1,1,N,D] */
        rank--;
        dims++;
    }
    int skip = rank >= 3;
    if (rank < 1 || rank - skip > 3)
        return;
    for (int d = skip; d < rank; d++)
        t->dims[d - skip] = dims[d];
    t->rank = rank - skip;
}

/* Elements of the first batch item; false if memory and shape do not fit together. */
static bool item_elements(const onyx_tensor *tensor, const head_tensor *t, size_t *count)
{
    size_t bytes;
    return size_count(t->dims, t->rank, count) && type_bytes(tensor->type, *count, &bytes) && *count <= INT32_MAX &&
           bytes <= tensor->size_bytes && (tensor->data || !bytes);
}

/* Gives the data of a tensor as floats: as they are, or converted into kept memory. */
static onyx_status read_floats(const onyx_tensor *tensor, head_tensor *t, growing *memory, onyx_error *error)
{
    static const float nothing[1];
    size_t count;
    if (!item_elements(tensor, t, &count))
        return status_fail(error, ONYX_ERROR_ARGUMENT, "output %s: %zu bytes do not hold its shape", t->name,
                           tensor->data ? tensor->size_bytes : 0);
    if (!count || tensor->type == ONYX_TYPE_FLOAT32) {
        t->data = count ? tensor->data : nothing; /* no rows: nothing was found */
        return ONYX_OK;
    }
    float *out = grow(memory, count, sizeof *out);
    if (!out)
        return status_no_memory(error, count * sizeof *out, "an output as float32");
    t->data = out;
    if (tensor->type == ONYX_TYPE_FLOAT16) {
        vision_rows_here()->half_to_f32(tensor->data, (int)count, out);
        return ONYX_OK;
    }
    for (size_t i = 0; i < count; i++) {
        if (tensor->type == ONYX_TYPE_FLOAT64)
            out[i] = (float)((const double *)tensor->data)[i];
        else if (tensor->type == ONYX_TYPE_INT32)
            out[i] = (float)((const int32_t *)tensor->data)[i];
        else
            out[i] = (float)((const int64_t *)tensor->data)[i];
    }
    return ONYX_OK;
}

/* -------------------------------------------------------------------------------------------------- suppression */

static bool wanted_class(const vision_decode_params *params, int label)
{
    if (!params->classes)
        return true;
    for (int i = 0; i < params->class_count; i++)
        if (params->classes[i] == label)
            return true;
    return false;
}

static void drop_unwanted(candidate_list *list, const vision_decode_params *params)
{
    int count = 0;
    for (int i = 0; i < list->count; i++)
        if (wanted_class(params, list->items[i].label))
            list->items[count++] = list->items[i];
    list->count = count;
}

/* Indices of what stays, by falling score. */
static onyx_status suppress(struct vision_decode_memory *memory, const head_match *match,
                            const vision_decode_params *params, int **kept, int *kept_count, onyx_error *error)
{
    int count = memory->candidates.count, limit = MIN(count, MAX(params->max_detections, 0));
    size_t n = (size_t)count;
    uint64_t *order = grow(&memory->order, n * 2, sizeof *order);
    *kept = grow(&memory->kept, n, sizeof **kept);
    if (!order || !*kept)
        return status_no_memory(error, n * 20, "candidates");
    nms_sort(memory->candidates.items, count, order, order + n);
    if (match->head->suppressed) {
        for (int i = 0; i < limit; i++)
            (*kept)[i] = (int)(uint32_t)order[i];
        *kept_count = limit;
    } else {
        *kept_count = nms_greedy(memory->candidates.items, count, order, params->iou, params->class_agnostic,
                                 match->task == VISION_TASK_OBB, limit, *kept);
    }
    return ONYX_OK;
}

/* ------------------------------------------------------------------------------------------- back to the picture */

static float clip(float value, float high)
{
    return value < 0 ? 0 : value > high ? high : value;
}

static void set_corners(vision_detection *d, const candidate *c, const onyx_geometry *g)
{
    float x = (c->x0 + c->x1) / 2, y = (c->y0 + c->y1) / 2, w = (c->x1 - c->x0) / 2, h = (c->y1 - c->y0) / 2;
    float cosine = cosf(c->angle), sine = sinf(c->angle);
    static const float sides[4][2] = { { -1, -1 }, { 1, -1 }, { 1, 1 }, { -1, 1 } };
    d->rotated = true;
    d->x0 = d->y0 = INFINITY;
    d->x1 = d->y1 = -INFINITY;
    for (int i = 0; i < 4; i++) {
        float dx = sides[i][0] * w, dy = sides[i][1] * h;
        float px = vision_to_picture_x(g, x + dx * cosine - dy * sine);
        float py = vision_to_picture_y(g, y + dx * sine + dy * cosine);
        d->corners[i][0] = px;
        d->corners[i][1] = py;
        d->x0 = fminf(d->x0, px);
        d->y0 = fminf(d->y0, py);
        d->x1 = fmaxf(d->x1, px);
        d->y1 = fmaxf(d->y1, py);
    }
}

/* False if nothing of it lies in the picture. */
static bool set_box(vision_detection *d, const candidate *c, bool rotated, const onyx_geometry *g)
{
    *d = (vision_detection){ .x0 = vision_to_picture_x(g, c->x0),
                             .y0 = vision_to_picture_y(g, c->y0),
                             .x1 = vision_to_picture_x(g, c->x1),
                             .y1 = vision_to_picture_y(g, c->y1),
                             .score = c->score,
                             .label_id = c->label };
    if (rotated)
        set_corners(d, c, g);
    d->x0 = clip(d->x0, (float)g->picture_width);
    d->x1 = clip(d->x1, (float)g->picture_width);
    d->y0 = clip(d->y0, (float)g->picture_height);
    d->y1 = clip(d->y1, (float)g->picture_height);
    return d->x1 > d->x0 && d->y1 > d->y0;
}

/* ---------------------------------------------------------------------------------------------------------- masks */

/* The mask pixels that a span of the picture touches: [*first, *first + count). */
static int mask_span(float low, float high, int size, int *first)
{
    int from = (int)floorf(clip(low, (float)size)), to = (int)ceilf(clip(high, (float)size));
    from = MIN(from, size - 1);
    to = MAX(to, from + 1);
    *first = from;
    return to - from;
}

typedef struct mask_job {
    const head_match *match;
    const head_tensor *table, *protos;
    const onyx_geometry *geometry;
    float cells_x, cells_y; /* prototypes' pixels per pixel of the input */
} mask_job;

/* Size and place of a detection's mask. */
static void mask_place(const mask_job *j, vision_detection *d, int *first_x, int *first_y)
{
    const onyx_geometry *g = j->geometry;
    float x0 = (d->x0 * g->scale_x + g->offset_x) * j->cells_x, x1 = (d->x1 * g->scale_x + g->offset_x) * j->cells_x;
    float y0 = (d->y0 * g->scale_y + g->offset_y) * j->cells_y, y1 = (d->y1 * g->scale_y + g->offset_y) * j->cells_y;
    d->mask.width = mask_span(x0, x1, (int)j->protos->dims[2], first_x);
    d->mask.height = mask_span(y0, y1, (int)j->protos->dims[1], first_y);
    d->mask.x0 = vision_to_picture_x(g, (float)*first_x / j->cells_x);
    d->mask.y0 = vision_to_picture_y(g, (float)*first_y / j->cells_y);
    d->mask.x1 = vision_to_picture_x(g, (float)(*first_x + d->mask.width) / j->cells_x);
    d->mask.y1 = vision_to_picture_y(g, (float)(*first_y + d->mask.height) / j->cells_y);
}

static uint8_t probability(float logit)
{
    if (!(logit > -12)) /* and NaN */
        return 0;
    return logit > 12 ? 255 : (uint8_t)lrintf(255 / (1 + expf(-logit)));
}

static void mask_fill(const mask_job *j, const vision_detection *d, int row, int first_x, int first_y, float *sums,
                      uint8_t *out)
{
    int height = (int)j->protos->dims[1], width = (int)j->protos->dims[2];
    for (int y = 0; y < d->mask.height; y++) {
        memset(sums, 0, (size_t)d->mask.width * sizeof *sums);
        for (int k = 0; k < j->match->extras; k++) {
            float coefficient = head_value(j->table->data, j->match, row, j->match->extra_column + k);
            const float *proto = j->protos->data + ((size_t)k * (size_t)height + (size_t)(first_y + y)) * (size_t)width;
            vision_rows_here()->add_scaled(proto + first_x, coefficient, d->mask.width, sums);
        }
        for (int x = 0; x < d->mask.width; x++)
            *out++ = probability(sums[x]);
    }
}

static onyx_status add_masks(const mask_job *j, vision_detections *d, const int *rows, onyx_error *error)
{
    size_t bytes = 0, at = 0;
    int x, y;
    for (int i = 0; i < d->count; i++) {
        mask_place(j, &d->items[i], &x, &y);
        bytes += (size_t)d->items[i].mask.width * (size_t)d->items[i].mask.height;
    }
    uint8_t *data = grow(&d->memory->masks, bytes, 1);
    float *sums = grow(&d->memory->row, (size_t)j->protos->dims[2], sizeof *sums);
    if (!data || !sums)
        return status_no_memory(error, bytes, "instance masks");
    for (int i = 0; i < d->count; i++) {
        vision_detection *item = &d->items[i];
        mask_place(j, item, &x, &y);
        mask_fill(j, item, rows[i], x, y, sums, data + at);
        item->mask.data = data + at;
        at += (size_t)item->mask.width * (size_t)item->mask.height;
    }
    return ONYX_OK;
}

void vision_mask_row(const vision_mask *mask, float y, float x0, float step, int n, uint8_t *out)
{
    if (mask->width < 1 || mask->height < 1) {
        memset(out, 0, (size_t)n);
        return;
    }
    float cells_x = (float)mask->width / (mask->x1 - mask->x0), cells_y = (float)mask->height / (mask->y1 - mask->y0);
    float v = clip((y - mask->y0) * cells_y - 0.5f, (float)(mask->height - 1));
    int row = (int)v;
    const uint8_t *top = mask->data + (size_t)row * (size_t)mask->width;
    const uint8_t *low = row + 1 < mask->height ? top + mask->width : top;
    float weight_y = v - (float)row;
    for (int i = 0; i < n; i++) {
        float u = clip((x0 + (float)i * step - mask->x0) * cells_x - 0.5f, (float)(mask->width - 1));
        int column = (int)u, next = MIN(column + 1, mask->width - 1);
        float weight_x = u - (float)column;
        float a = (float)top[column] * (1 - weight_x) + (float)top[next] * weight_x;
        float b = (float)low[column] * (1 - weight_x) + (float)low[next] * weight_x;
        out[i] = (uint8_t)(a * (1 - weight_y) + b * weight_y + 0.5f);
    }
}

/* ------------------------------------------------------------------------------------------------------- keypoints */

static onyx_status add_keypoints(const head_input *input, const head_match *match, const onyx_geometry *g,
                                 vision_detections *d, const int *kept, onyx_error *error)
{
    size_t each = (size_t)match->keypoints, total = each * (size_t)d->count;
    vision_keypoint *points = grow(&d->memory->keypoints, total, sizeof *points);
    if (!points)
        return status_no_memory(error, total * sizeof *points, "keypoints");
    for (int i = 0; i < d->count; i++, points += each) {
        const candidate *c = &d->memory->candidates.items[kept[i]];
        (match->head->keypoints ? match->head->keypoints : head_keypoints)(input, match, c, points);
        for (size_t k = 0; k < each; k++) {
            vision_keypoint *p = &points[k];
            p->x = vision_to_picture_x(g, p->x);
            p->y = vision_to_picture_y(g, p->y);
            if (!isfinite(p->x) || !isfinite(p->y) || !isfinite(p->score))
                *p = (vision_keypoint){ 0, 0, 0 };
        }
        d->items[i].keypoints = points;
        d->items[i].keypoint_count = match->keypoints;
    }
    return ONYX_OK;
}

/* ----------------------------------------------------------------------------------------------------------- all */

static onyx_status finish(const head_input *input, const head_match *match, const onyx_geometry *geometry,
                          const vision_decode_params *params, int *kept, int kept_count, vision_detections *d,
                          onyx_error *error)
{
    const candidate *candidates = d->memory->candidates.items;
    d->items = grow(&d->memory->items, (size_t)kept_count, sizeof *d->items);
    if (!d->items)
        return status_no_memory(error, (size_t)kept_count * sizeof *d->items, "detections");
    int count = 0;
    for (int i = 0; i < kept_count; i++)
        if (set_box(&d->items[count], &candidates[kept[i]], match->task == VISION_TASK_OBB, geometry))
            kept[count++] = kept[i];
    d->count = count;
    if (match->keypoints > 0)
        STATUS_TRY(add_keypoints(input, match, geometry, d, kept, error));
    if (match->proto >= 0 && match->extras > 0 && !params->no_masks) {
        const head_tensor *protos = &input->tensors[match->proto];
        mask_job j = { match,
                       &input->tensors[match->used[0]],
                       protos,
                       geometry,
                       (float)protos->dims[2] / (float)geometry->input_width,
                       (float)protos->dims[1] / (float)geometry->input_height };
        for (int i = 0; i < count; i++)
            kept[i] = candidates[kept[i]].row;
        STATUS_TRY(add_masks(&j, d, kept, error));
    }
    return ONYX_OK;
}

static const vision_recipe no_recipe;

static onyx_status decode(const vision_recipe *recipe, const onyx_tensor *tensors, const char *const *names, int count,
                          const onyx_geometry *geometry, const vision_decode_params *params, vision_detections *d,
                          onyx_error *error)
{
    head_tensor views[HEAD_TENSORS];
    int viewed = MIN(count, HEAD_TENSORS);
    for (int i = 0; i < viewed; i++)
        head_tensor_of(names ? names[i] : NULL, tensors[i].type, tensors[i].rank, tensors[i].dims, &views[i]);
    head_input input = { views, viewed, geometry->input_width, geometry->input_height, recipe ? recipe : &no_recipe };
    head_match match;
    if (count < 1 || !head_find(&input, &match))
        return fail_unknown(tensors, names, count, geometry, error);
    struct vision_decode_memory *memory = d->memory;
    for (int i = 0; i < match.used_count; i++)
        STATUS_TRY(read_floats(&tensors[match.used[i]], &views[match.used[i]], &memory->floats[i], error));
    if (match.proto >= 0)
        STATUS_TRY(read_floats(&tensors[match.proto], &views[match.proto], &memory->floats[HEAD_TENSORS], error));
    candidate_list *list = &memory->candidates;
    list->count = list->ignored = 0;
    list->out_of_memory = false;
    match.head->decode(&input, &match, params->confidence, list);
    if (list->out_of_memory)
        return status_no_memory(error, (size_t)list->capacity * 2 * sizeof *list->items, "candidates");
    drop_unwanted(list, params);
    d->candidates = list->count;
    d->ignored = list->ignored;
    int *kept = NULL, kept_count = 0;
    STATUS_TRY(suppress(memory, &match, params, &kept, &kept_count, error));
    return finish(&input, &match, geometry, params, kept, kept_count, d, error);
}

onyx_status vision_decode(const vision_recipe *recipe, const onyx_tensor *tensors, const char *const *names, int count,
                          const onyx_geometry *geometry, const vision_decode_params *params,
                          vision_detections *detections, onyx_error *error)
{
    if (!detections)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "detections must be given");
    detections->count = detections->candidates = detections->ignored = 0;
    if (!geometry || !params || count < 0 || (count && !tensors) || geometry->input_width < 1 ||
        geometry->input_height < 1 || !(geometry->scale_x > 0) || !(geometry->scale_y > 0))
        return status_fail(error, ONYX_ERROR_ARGUMENT, "tensors, a geometry and parameters must be given");
    for (int i = 0; i < count; i++) {
        if (tensors[i].rank < 0 || tensors[i].rank > ONYX_MAX_RANK)
            return status_fail(error, ONYX_ERROR_ARGUMENT, "output %d has a rank of %d", i, tensors[i].rank);
        for (int r = 0; r < tensors[i].rank; r++)
            if (tensors[i].dims[r] < 0)
                return status_fail(error, ONYX_ERROR_ARGUMENT, "output %d has a negative dimension", i);
    }
    onyx_status status = decode(recipe, tensors, names, count, geometry, params, detections, error);
    if (status != ONYX_OK)
        detections->count = 0;
    return status;
}
