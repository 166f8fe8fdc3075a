/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Picture -> tensor in one pass: for each row of the result, the two rows of the picture that it needs are mixed, then
 * neighbours in them, then colour, then the network's numbers (rows.h). Nothing is allocated: wide pictures are cut
 * into column tiles whose rows fit into scratch memory on the stack. */
#include "vision/vision.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "base/status.h"
#include "base/types.h"
#include "vision/columns.h"
#include "vision/rows.h"

enum { BAND_ROWS = 40 /* rows of the result in one part of work */ };

/* How the samples of a format lie in memory. */
typedef enum pixel_kind { KIND_PLANES, KIND_PAIRS, KIND_PACKED_YUV, KIND_RGB3, KIND_RGB4, KIND_GRAY } pixel_kind;

typedef struct format_row {
    pixel_kind kind;
    /* KIND_PLANES: plane of y, u, v. KIND_PAIRS: place of u and v in a pair at [1], [2]. KIND_PACKED_YUV: place of y, u
     * and v in the group of 4. RGB: place of r, g, b in the pixel. */
    uint8_t place[3];
} format_row;

static const format_row formats[] = {
    [ONYX_PIXEL_NV12] = { KIND_PAIRS, { 0, 0, 1 } },      [ONYX_PIXEL_NV21] = { KIND_PAIRS, { 0, 1, 0 } },
    [ONYX_PIXEL_I420] = { KIND_PLANES, { 0, 1, 2 } },     [ONYX_PIXEL_YV12] = { KIND_PLANES, { 0, 2, 1 } },
    [ONYX_PIXEL_YUY2] = { KIND_PACKED_YUV, { 0, 1, 3 } }, [ONYX_PIXEL_UYVY] = { KIND_PACKED_YUV, { 1, 0, 2 } },
    [ONYX_PIXEL_RGB] = { KIND_RGB3, { 0, 1, 2 } },        [ONYX_PIXEL_BGR] = { KIND_RGB3, { 2, 1, 0 } },
    [ONYX_PIXEL_RGBX] = { KIND_RGB4, { 0, 1, 2 } },       [ONYX_PIXEL_BGRX] = { KIND_RGB4, { 2, 1, 0 } },
    [ONYX_PIXEL_XRGB] = { KIND_RGB4, { 1, 2, 3 } },       [ONYX_PIXEL_XBGR] = { KIND_RGB4, { 3, 2, 1 } },
    [ONYX_PIXEL_GRAY8] = { KIND_GRAY, { 0, 0, 0 } },
};

static bool is_yuv(pixel_kind kind)
{
    return kind == KIND_PLANES || kind == KIND_PAIRS || kind == KIND_PACKED_YUV;
}

typedef struct job {
    const vision_rows *rows;
    onyx_image image;
    format_row format;
    onyx_preprocess preprocess;
    vision_affine maps[3]; /* per channel of the tensor */
    vision_layout layout;
    onyx_type type;
    uint8_t *data;
    int width, height, channels; /* of the tensor */
    onyx_geometry geometry;
    axis x, y, chroma_x, chroma_y;
    vision_colour colour;
    int column, columns; /* this tile, within the content */
    column_taps luma, chroma;
    int band_rows;
} job;

/* What a worker needs beside the job: on its stack. */
typedef struct scratch {
    int16_t plane[3][TILE_SPAN + 8 + VISION_ROW_SLACK];
    int16_t blended[3][TILE_COLUMNS];
    uint8_t bytes[3][TILE_COLUMNS + VISION_ROW_SLACK];
} scratch;

/* The factors of rows.h for a matrix and range. */
static vision_colour colour_for(onyx_colour_matrix matrix, bool full_range)
{
    static const double k_red[] = { 0.299, 0.2126, 0.2627 }, k_blue[] = { 0.114, 0.0722, 0.0593 };
    int m = matrix == ONYX_MATRIX_BT709 ? 1 : matrix == ONYX_MATRIX_BT2020 ? 2 : 0;
    double red = k_red[m], blue = k_blue[m], green = 1 - red - blue;
    double chroma = full_range ? 1 : 255.0 / 224, luma = full_range ? 1 : 255.0 / 219;
    const double quarter = 32768.0 / 4;
    return (vision_colour){
        .black = (int16_t)(full_range ? 0 : 16 * 64),
        .y_gain = (int16_t)lrint((luma - 1) * 32768),
        .r_v = (int16_t)lrint(2 * (1 - red) * chroma * quarter),
        .g_u = (int16_t)lrint(2 * (1 - blue) * blue / green * chroma * quarter),
        .g_v = (int16_t)lrint(2 * (1 - red) * red / green * chroma * quarter),
        .b_u = (int16_t)lrint(2 * (1 - blue) * chroma * quarter),
    };
}

/* ----------------------------------------------------------------------------------------------------- reading */

/* The two picture rows of result row `i`, at byte `at` of a row, and the weight of the second in Q15. */
static int row_pair(const job *j, const axis *a, int i, int plane, size_t at, const uint8_t **first,
                    const uint8_t **second)
{
    tap t = tap_at(a, i);
    ptrdiff_t stride = j->image.strides[plane];
    *first = j->image.planes[plane] + t.low * stride + at;
    *second = j->image.planes[plane] + t.high * stride + at;
    int weight = (int)(t.weight * 32768 + 0.5);
    if (!weight || t.low == t.high)
        *second = *first;
    return *second == *first ? 0 : MIN(weight, 32767);
}

/* The sample behind the last is read with weight 0 only: give it a value. */
static void close_plane(int16_t *plane, int count)
{
    plane[count] = plane[count - 1];
}

static void blend_plane(const job *j, const column_taps *taps, int16_t *plane, int16_t *out)
{
    close_plane(plane, taps->count);
    j->rows->blend(plane, taps->index, taps->weight, j->columns, out);
}

/* What every way of reading needs: rows a and b from the tile's first sample on, and where the channels' bytes lie. */
static bool sampled(const job *j, const column_taps *taps, const uint8_t *a, const uint8_t *b, int weight, int step,
                    int channels, const uint8_t *place, int16_t *const *out)
{
    if (!j->rows->sample || !taps->picks.windows)
        return false;
    int bytes = (taps->count - 1) * step + place[0] + 1;
    for (int k = 1; k < channels; k++)
        bytes = MAX(bytes, (taps->count - 1) * step + place[k] + 1);
    j->rows->sample(a, b, weight, bytes, &taps->picks, channels, place, j->columns, out);
    return true;
}

static void read_luma(const job *j, int i, scratch *s)
{
    const uint8_t *a, *b;
    const column_taps *taps = &j->luma;
    int16_t *plane = s->plane[0], *out = s->blended[0];
    int step = j->format.kind == KIND_PACKED_YUV ? 2 : 1;
    int weight = row_pair(j, &j->y, i, 0, (size_t)taps->start * (size_t)step, &a, &b);
    if (sampled(j, taps, a, b, weight, step, 1, j->format.place, &out))
        return;
    if (step == 2) {
        int odd = taps->start & 1; /* groups of two pixels */
        int16_t *planes[2] = { NULL, NULL };
        planes[j->format.place[0]] = plane;
        j->rows->expand2(a - 2 * odd, b - 2 * odd, weight, taps->count + odd, planes);
        plane += odd;
    } else {
        j->rows->expand1(a, b, weight, taps->count, plane);
    }
    blend_plane(j, taps, plane, out);
}

static void read_chroma_planes(const job *j, int i, scratch *s)
{
    static const uint8_t none = 0;
    const column_taps *taps = &j->chroma;
    for (int k = 1; k < 3; k++) {
        const uint8_t *a, *b;
        int16_t *out = s->blended[k];
        int weight = row_pair(j, &j->chroma_y, i, j->format.place[k], (size_t)taps->start, &a, &b);
        if (sampled(j, taps, a, b, weight, 1, 1, &none, &out))
            continue;
        j->rows->expand1(a, b, weight, taps->count, s->plane[k]);
        blend_plane(j, taps, s->plane[k], out);
    }
}

static void read_chroma(const job *j, int i, scratch *s)
{
    const uint8_t *a, *b, *place = j->format.place + 1;
    const column_taps *taps = &j->chroma;
    if (j->format.kind == KIND_PLANES) {
        read_chroma_planes(j, i, s);
        return;
    }
    bool pairs = j->format.kind == KIND_PAIRS;
    int step = pairs ? 2 : 4;
    int16_t *out[2] = { s->blended[1], s->blended[2] };
    int weight = row_pair(j, &j->chroma_y, i, pairs, (size_t)taps->start * (size_t)step, &a, &b);
    if (sampled(j, taps, a, b, weight, step, 2, place, out))
        return;
    int16_t *planes[4] = { NULL, NULL, NULL, NULL };
    planes[place[0]] = s->plane[1];
    planes[place[1]] = s->plane[2];
    (pairs ? j->rows->expand2 : j->rows->expand4)(a, b, weight, taps->count, planes);
    for (int k = 1; k < 3; k++)
        blend_plane(j, taps, s->plane[k], s->blended[k]);
}

/* Rounds a blended plane to bytes as if everything had been computed in double precision: what lies near a half is
 * computed again, in the order of operations of the usual reference (columns, then rows). a, b: the picture's rows, of
 * which sample x of this channel is [x * step]. So pictures in RGB get the same input from Onyx as in training. */
static void round_exactly(const job *j, int i, const int16_t *blended, const uint8_t *a, const uint8_t *b, int step,
                          uint8_t *out)
{
    const column_taps *taps = &j->luma;
    tap row = tap_at(&j->y, i);
    j->rows->round8(blended, j->columns, out);
    /* With short binary fractions as weights, the 1/64 steps were exact. */
    if (taps->bits + (row.low == row.high ? 0 : binary_places(row.weight)) <= 6)
        return;
    int16_t doubtful[TILE_COLUMNS + VISION_ROW_SLACK];
    int count = j->rows->near_half(blended, j->columns, doubtful);
    for (int k = 0; k < count; k++) {
        int c = doubtful[k];
        ptrdiff_t x0 = (ptrdiff_t)taps->index[c] * step, x1 = x0 + taps->step[c] * step;
        double weight = taps->exact[c], rest = 1 - weight;
        double top = a[x0] * rest + a[x1] * weight, low = b[x0] * rest + b[x1] * weight;
        out[c] = (uint8_t)(top * (1 - row.weight) + low * row.weight + 0.5);
    }
}

static void read_grey(const job *j, int i, scratch *s)
{
    const uint8_t *a, *b;
    int16_t *out = s->blended[0];
    int weight = row_pair(j, &j->y, i, 0, (size_t)j->luma.start, &a, &b);
    if (!sampled(j, &j->luma, a, b, weight, 1, 1, j->format.place, &out)) {
        j->rows->expand1(a, b, weight, j->luma.count, s->plane[0]);
        blend_plane(j, &j->luma, s->plane[0], out);
    }
    round_exactly(j, i, s->blended[0], a, b, 1, s->bytes[0]);
}

static void read_rgb(const job *j, int i, scratch *s)
{
    const uint8_t *a, *b, *place = j->format.place;
    int step = j->format.kind == KIND_RGB3 ? 3 : 4;
    int16_t *planes[4] = { NULL, NULL, NULL, NULL }, *out[3] = { s->blended[0], s->blended[1], s->blended[2] };
    int weight = row_pair(j, &j->y, i, 0, (size_t)j->luma.start * (size_t)step, &a, &b);
    if (!sampled(j, &j->luma, a, b, weight, step, 3, place, out)) {
        for (int k = 0; k < 3; k++)
            planes[place[k]] = s->plane[k];
        (step == 3 ? j->rows->expand3 : j->rows->expand4)(a, b, weight, j->luma.count, planes);
        for (int k = 0; k < 3; k++)
            blend_plane(j, &j->luma, s->plane[k], out[k]);
    }
    for (int k = 0; k < 3; k++)
        round_exactly(j, i, s->blended[k], a + place[k], b + place[k], step, s->bytes[k]);
}

/* BT.601 luma of bytes, in place of the first plane. */
static void luma_of_rgb(scratch *s, int n)
{
    for (int i = 0; i < n; i++)
        s->bytes[0][i] =
            (uint8_t)((s->bytes[0][i] * 9798 + s->bytes[1][i] * 19235 + s->bytes[2][i] * 3735 + 16384) >> 15);
}

/* Bytes of row `i` of the content, in the network's channel order: channels[c]. */
static void read_row(const job *j, int i, scratch *s, const uint8_t *channels[3])
{
    bool grey_result = j->channels == 1;
    channels[0] = channels[1] = channels[2] = s->bytes[0];
    if (is_yuv(j->format.kind)) {
        read_luma(j, i, s);
        if (grey_result) {
            int16_t *u = s->blended[1], *v = s->blended[2];
            for (int k = 0; k < j->columns; k++)
                u[k] = v[k] = 128 * 64; /* no colour: then r is the light alone */
        } else {
            read_chroma(j, i, s);
        }
        j->rows->colour(s->blended[0], s->blended[1], s->blended[2], j->columns, &j->colour, s->bytes[0], s->bytes[1],
                        s->bytes[2]);
    } else if (j->format.kind == KIND_GRAY) {
        read_grey(j, i, s);
        return;
    } else {
        read_rgb(j, i, s);
        if (grey_result)
            luma_of_rgb(s, j->columns);
    }
    if (grey_result)
        return;
    for (int c = 0; c < 3; c++)
        channels[c] = s->bytes[j->preprocess.bgr ? 2 - c : c];
}

/* ----------------------------------------------------------------------------------------------------- writing */

static uint8_t *element(const job *j, int channel, int row, int column)
{
    size_t w = (size_t)j->width, h = (size_t)j->height, y = (size_t)row, x = (size_t)column, c = (size_t)channel;
    size_t index = j->layout == VISION_NHWC ? (y * w + x) * (size_t)j->channels + c : (c * h + y) * w + x;
    return j->data + index * type_size(j->type);
}

static void store_planar(const job *j, int channel, const uint8_t *bytes, int n, uint8_t *to)
{
    const vision_affine *map = &j->maps[channel];
    if (j->type == ONYX_TYPE_UINT8)
        memcpy(to, bytes, (size_t)n);
    else if (j->type == ONYX_TYPE_INT8) /* TFLite's: 0..255 moved to -128..127 */
        for (int i = 0; i < n; i++)
            to[i] = bytes[i] ^ 0x80;
    else if (j->type == ONYX_TYPE_FLOAT16)
        j->rows->store_f16(bytes, n, map, (uint16_t *)(void *)to);
    else
        j->rows->store_f32(bytes, n, map, (float *)(void *)to);
}

enum { CHUNK = 128 };

/* Elements of `size` bytes: to[3 * i + c] = values[c][i]. */
static inline __attribute__((always_inline)) void interleave(uint8_t (*values)[CHUNK * sizeof(float)], int count,
                                                             const size_t size, uint8_t *to)
{
    for (int i = 0; i < count; i++)
        for (int c = 0; c < 3; c++, to += size)
            memcpy(to, values[c] + (size_t)i * size, size);
}

/* Writes n pixels from (row, column) on. */
static void store_pixels(const job *j, const uint8_t *const channels[3], int row, int column, int n)
{
    if (j->layout == VISION_NCHW || j->channels == 1) {
        for (int c = 0; c < j->channels; c++)
            store_planar(j, c, channels[c], n, element(j, c, row, column));
        return;
    }
    size_t size = type_size(j->type);
    uint8_t *to = element(j, 0, row, column);
    for (int done = 0; done < n; done += CHUNK) {
        _Alignas(64) uint8_t values[3][CHUNK * sizeof(float)];
        int count = MIN(n - done, CHUNK);
        for (int c = 0; c < 3; c++)
            store_planar(j, c, channels[c] + done, count, values[c]);
        if (size == 4)
            interleave(values, count, 4, to);
        else if (size == 2)
            interleave(values, count, 2, to);
        else
            interleave(values, count, 1, to);
        to += 3 * size * (size_t)count;
    }
}

/* n pixels of padding. */
static void store_padding(const job *j, int row, int column, int n)
{
    if (n > 0 && j->type == ONYX_TYPE_FLOAT32 && j->layout == VISION_NCHW) {
        for (int c = 0; c < j->channels; c++)
            j->rows->fill_f32(j->maps[c].values[j->preprocess.pad], n, (float *)(void *)element(j, c, row, column));
        return;
    }
    uint8_t pad[256];
    memset(pad, j->preprocess.pad, sizeof pad);
    const uint8_t *channels[3] = { pad, pad, pad };
    for (; n > 0; n -= (int)sizeof pad, column += (int)sizeof pad)
        store_pixels(j, channels, row, column, MIN(n, (int)sizeof pad));
}

/* One band of rows of the tensor, in the columns of this tile; the first and last tile also pad at their side. */
static void run_band(void *context, int part, int worker)
{
    (void)worker;
    const job *j = context;
    const onyx_geometry *g = &j->geometry;
    scratch s;
    int from = part * j->band_rows, to = MIN(from + j->band_rows, j->height);
    bool first = j->column == 0, last = j->column + j->columns == g->content_width;
    int left = first ? g->content_x : 0, right_column = g->content_x + g->content_width;
    for (int row = from; row < to; row++) {
        int i = row - g->content_y;
        if (i < 0 || i >= g->content_height) {
            if (first)
                store_padding(j, row, 0, j->width);
            continue;
        }
        const uint8_t *channels[3];
        read_row(j, i, &s, channels);
        store_padding(j, row, 0, left);
        store_pixels(j, channels, row, g->content_x + j->column, j->columns);
        if (last)
            store_padding(j, row, right_column, j->width - right_column);
    }
}

/* ------------------------------------------------------------------------------------------------------ checking */

static onyx_status check_image(const onyx_image *image, onyx_error *error)
{
    int planes = vision_plane_count(image->format);
    if (!planes)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "unknown pixel format %d", (int)image->format);
    if (image->width < 1 || image->height < 1)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "a picture of %d x %d pixels cannot be used", image->width,
                           image->height);
    for (int p = 0; p < planes; p++) {
        if (!image->planes[p])
            return status_fail(error, ONYX_ERROR_ARGUMENT, "plane %d of the %s picture is missing", p,
                               vision_format_name(image->format));
        size_t step = image->strides[p] < 0 ? (size_t)0 - (size_t)image->strides[p] : (size_t)image->strides[p];
        size_t row = vision_plane_bytes(image->format, p, image->width, 1, 0);
        if (image->height > 1 && step < row)
            return status_fail(
                error, ONYX_ERROR_ARGUMENT,
                "plane %d of the %s picture of %d x %d has a stride of %td bytes: fewer than a row (%zu)", p,
                vision_format_name(image->format), image->width, image->height, image->strides[p], row);
        if (vision_plane_bytes(image->format, p, image->width, image->height, image->strides[p]) > PTRDIFF_MAX)
            return status_fail(error, ONYX_ERROR_ARGUMENT, "the picture is too large for this machine");
    }
    return ONYX_OK;
}

static onyx_status check_tensor(const onyx_tensor *t, vision_layout layout, int channels, job *j, onyx_error *error)
{
    if (t->type != ONYX_TYPE_FLOAT32 && t->type != ONYX_TYPE_FLOAT16 && t->type != ONYX_TYPE_UINT8 &&
        t->type != ONYX_TYPE_INT8)
        return status_fail(error, ONYX_ERROR_TYPE,
                           "a picture cannot be written into a %s input (float32, float16 and bytes are understood)",
                           onyx_type_name(t->type));
    const int64_t *d = t->dims + (t->rank == 4);
    if (t->rank != 3 && t->rank != 4)
        return status_fail(error, ONYX_ERROR_SHAPE, "a picture needs an input of rank 4 (or 3), not %d", t->rank);
    int64_t c = layout == VISION_NHWC ? d[2] : d[0], h = layout == VISION_NHWC ? d[0] : d[1];
    int64_t w = layout == VISION_NHWC ? d[1] : d[2];
    const int64_t largest = 1 << 24;
    if ((t->rank == 4 && t->dims[0] < 1) || c != channels || w < 1 || h < 1 || w > largest || h > largest)
        return status_fail(
            error, ONYX_ERROR_SHAPE,
            "a picture of %d channels cannot be written into an input of %lld x %lld pixels and %lld channels",
            channels, (long long)w, (long long)h, (long long)c);
    size_t bytes;
    if (!size_mul((size_t)w * (size_t)h, (size_t)c * type_size(t->type), &bytes) || bytes > t->size_bytes || !t->data)
        return status_fail(error, ONYX_ERROR_ARGUMENT,
                           "the input tensor's memory (%zu bytes) is smaller than its shape",
                           t->data ? t->size_bytes : 0);
    j->type = t->type;
    j->data = t->data;
    j->width = (int)w;
    j->height = (int)h;
    j->channels = (int)c;
    j->layout = layout;
    return ONYX_OK;
}

static void set_axes(job *j, const vision_region *region)
{
    const onyx_geometry *g = &j->geometry;
    bool half_height = j->format.kind == KIND_PLANES || j->format.kind == KIND_PAIRS;
    j->x = (axis){ .source = region->width,
                   .size = g->content_width,
                   .offset = region->x,
                   .first = region->x,
                   .last = region->x + region->width - 1 };
    j->y = (axis){ .source = region->height,
                   .size = g->content_height,
                   .offset = region->y,
                   .first = region->y,
                   .last = region->y + region->height - 1 };
    j->chroma_x = j->x;
    j->chroma_x.halved = true;
    j->chroma_x.site = j->image.chroma_site == ONYX_CHROMA_CENTRE ? 0.5 : 0;
    j->chroma_x.first /= 2;
    j->chroma_x.last /= 2;
    j->chroma_y = j->y;
    if (half_height) {
        j->chroma_y.halved = true;
        j->chroma_y.site = j->image.chroma_site == ONYX_CHROMA_TOP_LEFT ? 0 : 0.5;
        j->chroma_y.first /= 2;
        j->chroma_y.last /= 2;
    }
}

static void make_columns(job *j)
{
    static const int luma_steps[] = {
        [KIND_PLANES] = 1, [KIND_PAIRS] = 1, [KIND_PACKED_YUV] = 2, [KIND_RGB3] = 3, [KIND_RGB4] = 4, [KIND_GRAY] = 1
    };
    int step = luma_steps[j->format.kind];
    column_taps_make(&j->x, j->column, j->columns, step, step - 1, &j->luma);
    if (!is_yuv(j->format.kind))
        return;
    step = j->format.kind == KIND_PLANES ? 1 : j->format.kind == KIND_PAIRS ? 2 : 4;
    column_taps_make(&j->chroma_x, j->column, j->columns, step, step - 1, &j->chroma);
}

onyx_status vision_image_to_tensor(const onyx_image *image, const vision_region *region,
                                   const onyx_preprocess *preprocess, vision_layout layout, const onyx_tensor *tensor,
                                   workers *pool, onyx_geometry *geometry, onyx_error *error)
{
    job j;
    if (!image || !preprocess || !tensor)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "picture, preprocess and tensor must be given");
    if (preprocess->channels != 1 && preprocess->channels != 3)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "a picture gives 3 or 1 channels, not %d", preprocess->channels);
    STATUS_TRY(check_image(image, error));
    STATUS_TRY(check_tensor(tensor, layout, preprocess->channels, &j, error));
    STATUS_TRY(vision_geometry(image, region, preprocess->scaling, j.width, j.height, &j.geometry, error));
    vision_region whole = { 0, 0, image->width, image->height };
    j.rows = vision_rows_here();
    j.image = *image;
    j.format = formats[image->format];
    j.preprocess = *preprocess;
    for (int c = 0; c < j.channels; c++)
        vision_affine_set(&j.maps[c], preprocess->scale[c], preprocess->mean[c], j.type == ONYX_TYPE_FLOAT16);
    j.colour = colour_for(image->matrix, image->full_range);
    set_axes(&j, region ? region : &whole);
    j.band_rows = pool && workers_count(pool) > 1 ? BAND_ROWS : j.height;
    int bands = (j.height + j.band_rows - 1) / j.band_rows;
    double ratio = j.x.source / j.x.size;
    int columns = MAX(1, (int)MIN((double)TILE_COLUMNS, (TILE_SPAN - 4) / ratio - 1));
    for (j.column = 0; j.column < j.geometry.content_width; j.column += j.columns) {
        j.columns = MIN(columns, j.geometry.content_width - j.column);
        make_columns(&j);
        assert(j.luma.count <= TILE_SPAN + 2);
        workers_run(pool, run_band, &j, bands);
    }
    if (geometry)
        *geometry = j.geometry;
    return ONYX_OK;
}
