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
#include "vision/formats.h"
#include "vision/rows.h"

enum { BAND_ROWS = 40 /* rows of the result in one part of work */ };

typedef struct job {
    const vision_rows *rows;
    onyx_image image;
    const format_row *format;
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

/* The factors of rows.h for the picture's matrix and range. Where the range is limited, samples of more bits are exact
 * multiples; the full range ends at 1023 / 4 of 8 bits' steps. */
static vision_colour colour_for(const onyx_image *image, const format_row *format)
{
    static const double k_red[] = { 0.299, 0.2126, 0.2627 }, k_blue[] = { 0.114, 0.0722, 0.0593 };
    int m = image->matrix == ONYX_MATRIX_BT709 ? 1 : image->matrix == ONYX_MATRIX_BT2020 ? 2 : 0;
    double red = k_red[m], blue = k_blue[m], green = 1 - red - blue;
    double most = ldexp((1 << format->bits) - 1, 8 - format->bits);
    bool full_range = image->full_range || format->kind == KIND_GRAY;
    double chroma = 255 / (full_range ? most : 224), luma = 255 / (full_range ? most : 219);
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

/* Two rows of the picture from a tile's first sample on, and the weight of the second in Q15. */
typedef struct row_pair {
    const uint8_t *a, *b;
    int weight;
} row_pair;

/* Those of result row `i` in a plane whose samples are `step` bytes apart. */
static row_pair rows_at(const job *j, const axis *a, int i, int plane, const column_taps *taps, int step)
{
    tap t = tap_at(a, i);
    ptrdiff_t stride = j->image.strides[plane], at = (ptrdiff_t)taps->start * step;
    int weight = (int)(t.weight * 32768 + 0.5);
    row_pair rows = { j->image.planes[plane] + t.low * stride + at, j->image.planes[plane] + t.high * stride + at,
                      MIN(weight, 32767) };
    if (!weight || t.low == t.high) {
        rows.b = rows.a;
        rows.weight = 0;
    }
    return rows;
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

/* n groups of samples, of which planes[k] gets those k behind a group's first. */
static void expand(const job *j, row_pair r, int n, int group, int16_t *const *planes)
{
    const vision_rows *rows = j->rows;
    if (j->format->bits > 8 && group == 1)
        rows->expand1_wide(r.a, r.b, r.weight, n, j->format->up, planes[0]);
    else if (j->format->bits > 8)
        rows->expand2_wide(r.a, r.b, r.weight, n, j->format->up, planes);
    else if (group == 1)
        rows->expand1(r.a, r.b, r.weight, n, planes[0]);
    else
        (group == 2 ? rows->expand2 : group == 3 ? rows->expand3 : rows->expand4)(r.a, r.b, r.weight, n, planes);
}

/* Reads only what is needed of the rows, where that can be done; place: of the channels' bytes in a group. */
static bool sampled(const job *j, const column_taps *taps, row_pair r, int step, int channels, const uint8_t *place,
                    int16_t *const *out)
{
    if (!j->rows->sample || !taps->picks.windows || j->format->bits > 8)
        return false;
    int bytes = (taps->count - 1) * step + place[0] + 1;
    for (int k = 1; k < channels; k++)
        bytes = MAX(bytes, (taps->count - 1) * step + place[k] + 1);
    j->rows->sample(r.a, r.b, r.weight, bytes, &taps->picks, channels, place, j->columns, out);
    return true;
}

/* A plane of single samples -> blended[k]; returns its rows. */
static row_pair read_plane(const job *j, int i, int plane, const axis *y, const column_taps *taps, scratch *s, int k)
{
    static const uint8_t none = 0;
    int step = sample_bytes(j->format);
    row_pair r = rows_at(j, y, i, plane, taps, step);
    int16_t *to = s->plane[k], *out = s->blended[k];
    if (!sampled(j, taps, r, step, 1, &none, &out)) {
        expand(j, r, taps->count, 1, &to);
        blend_plane(j, taps, to, out);
    }
    return r;
}

/* Channels first .. last - 1 of groups of samples, which lie at place[channel]. */
static row_pair read_groups(const job *j, int i, int plane, const axis *y, const column_taps *taps, int group,
                            scratch *s, int first, int last)
{
    const uint8_t *place = j->format->place + first;
    int step = group * sample_bytes(j->format), channels = last - first;
    row_pair r = rows_at(j, y, i, plane, taps, step);
    int16_t *planes[4] = { NULL, NULL, NULL, NULL }, *out[3];
    for (int k = 0; k < channels; k++) {
        planes[place[k]] = s->plane[first + k];
        out[k] = s->blended[first + k];
    }
    if (sampled(j, taps, r, step, channels, place, out))
        return r;
    expand(j, r, taps->count, group, planes);
    for (int k = 0; k < channels; k++)
        blend_plane(j, taps, s->plane[first + k], out[k]);
    return r;
}

/* Light of groups of two pixels. */
static void read_packed_luma(const job *j, int i, scratch *s)
{
    const column_taps *taps = &j->luma;
    const uint8_t *place = j->format->place;
    int16_t *out = s->blended[0];
    row_pair r = rows_at(j, &j->y, i, 0, taps, 2);
    if (sampled(j, taps, r, 2, 1, place, &out))
        return;
    int odd = taps->start & 1;
    int16_t *planes[2] = { NULL, NULL };
    planes[place[0]] = s->plane[0];
    r.a -= 2 * odd;
    r.b -= 2 * odd;
    expand(j, r, taps->count + odd, 2, planes);
    blend_plane(j, taps, s->plane[0] + odd, out);
}

static void read_chroma(const job *j, int i, scratch *s)
{
    const format_row *f = j->format;
    if (f->kind == KIND_PLANES)
        for (int k = 1; k < 3; k++)
            read_plane(j, i, f->place[k], &j->chroma_y, &j->chroma, s, k);
    else if (f->kind == KIND_PAIRS)
        read_groups(j, i, 1, &j->chroma_y, &j->chroma, 2, s, 1, 3);
    else
        read_groups(j, i, 0, &j->chroma_y, &j->chroma, 4, s, 1, 3);
}

/* Light, and chroma unless it is not asked for or not there: then it is that of grey. */
static void read_yuv(const job *j, int i, scratch *s, bool light_alone)
{
    const format_row *f = j->format;
    if (f->kind == KIND_PIXELS)
        read_groups(j, i, 0, &j->y, &j->luma, f->step, s, 0, light_alone ? 1 : 3);
    else if (f->kind == KIND_PACKED_YUV)
        read_packed_luma(j, i, s);
    else
        read_plane(j, i, f->place[0], &j->y, &j->luma, s, 0);
    if (!light_alone && f->kind != KIND_PIXELS)
        read_chroma(j, i, s);
    for (int k = 0; light_alone && k < j->columns; k++)
        s->blended[1][k] = s->blended[2][k] = 128 * 64;
}

/* Rounds a blended plane to bytes as if everything had been computed in double precision: what lies near a half is
 * computed again, in the order of operations of the usual reference (columns, then rows). r: the picture's rows, of
 * which sample x of this channel is [x * step + place]. So pictures in RGB get the same input from Onyx as in
 * training. */
static void round_exactly(const job *j, int i, const int16_t *blended, row_pair r, int step, int place, uint8_t *out)
{
    const column_taps *taps = &j->luma;
    const uint8_t *a = r.a + place, *b = r.b + place;
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
    row_pair r = read_plane(j, i, 0, &j->y, &j->luma, s, 0);
    round_exactly(j, i, s->blended[0], r, 1, 0, s->bytes[0]);
}

static void read_rgb(const job *j, int i, scratch *s)
{
    const format_row *f = j->format;
    if (f->kind == KIND_PLANES) {
        for (int k = 0; k < 3; k++) {
            row_pair r = read_plane(j, i, f->place[k], &j->y, &j->luma, s, k);
            round_exactly(j, i, s->blended[k], r, 1, 0, s->bytes[k]);
        }
        return;
    }
    row_pair r = read_groups(j, i, 0, &j->y, &j->luma, f->step, s, 0, 3);
    for (int k = 0; k < 3; k++)
        round_exactly(j, i, s->blended[k], r, f->step, f->place[k], s->bytes[k]);
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
    bool grey_result = j->channels == 1, grey = grey_result || j->format->kind == KIND_GRAY;
    channels[0] = channels[1] = channels[2] = s->bytes[0];
    if (j->format->yuv) {
        read_yuv(j, i, s, grey);
        j->rows->colour(s->blended[0], s->blended[1], s->blended[2], j->columns, &j->colour, s->bytes[0], s->bytes[1],
                        s->bytes[2]);
    } else if (j->format->kind == KIND_GRAY) {
        read_grey(j, i, s);
    } else {
        read_rgb(j, i, s);
        if (grey_result)
            luma_of_rgb(s, j->columns);
    }
    for (int c = 0; !grey && c < 3; c++)
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

/* What chroma samples shared by 1 << shift pixels have of an axis of the picture. site: the first one's place. */
static axis chroma_axis(axis luma, int shift, double site)
{
    luma.shift = shift;
    luma.site = site;
    luma.first >>= shift;
    luma.last >>= shift;
    return luma;
}

static void set_axes(job *j, const vision_region *region)
{
    const onyx_geometry *g = &j->geometry;
    int shift_x = j->format->shift_x, shift_y = j->format->shift_y;
    double middle_x = ((1 << shift_x) - 1) / 2.0, middle_y = ((1 << shift_y) - 1) / 2.0;
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
    j->chroma_x = chroma_axis(j->x, shift_x, j->image.chroma_site == ONYX_CHROMA_CENTRE ? middle_x : 0);
    j->chroma_y = chroma_axis(j->y, shift_y, j->image.chroma_site == ONYX_CHROMA_TOP_LEFT ? 0 : middle_y);
}

static void make_columns(job *j)
{
    const format_row *f = j->format;
    column_taps_make(&j->x, j->column, j->columns, f->step, f->step - 1, &j->luma);
    if (!f->yuv || f->kind == KIND_PIXELS || f->kind == KIND_GRAY)
        return;
    column_taps_make(&j->chroma_x, j->column, j->columns, chroma_step(f), chroma_step(f) - 1, &j->chroma);
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
    j.format = format_of(image->format);
    j.preprocess = *preprocess;
    for (int c = 0; c < j.channels; c++)
        vision_affine_set(&j.maps[c], preprocess->scale[c], preprocess->mean[c], j.type == ONYX_TYPE_FLOAT16);
    j.colour = colour_for(image, j.format);
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
