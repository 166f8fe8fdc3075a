/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Picture -> tensor against a plain double-precision version, for every format, many sizes, strides and scalings;
 * refusals. `preprocess --bench` prints times instead. */
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/cpuid.h"
#include "base/types.h"
#include "check.h"
#include "vision/rows.h"
#include "vision/vision.h"

static uint32_t seed = 1;

static uint32_t next_random(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

/* ------------------------------------------------------------------------------------------------------ pictures */

typedef struct picture {
    onyx_image image;
    uint8_t *memory[3];
} picture;

static const char *const scaling_names[] = { "auto", "letterbox", "top-left", "stretch" };

/* One channel of a format: its plane, and of that the samples place, place + step, ... of a row. */
typedef struct channel {
    int plane, step, place;
} channel;

/* A format as its definition says: chroma samples stand for across x down pixels; samples of more than 8 bits lie in
 * 16, `low` unused bits below them. */
typedef struct memory {
    bool rgb;
    int across, down, bits, low;
    channel channels[3];
} memory;

#define PLANES                                                                                                         \
    {                                                                                                                  \
        { 0, 1, 0 }, { 1, 1, 0 },                                                                                      \
        {                                                                                                              \
            2, 1, 0                                                                                                    \
        }                                                                                                              \
    }
#define PAIRS                                                                                                          \
    {                                                                                                                  \
        { 0, 1, 0 }, { 1, 2, 0 },                                                                                      \
        {                                                                                                              \
            1, 2, 1                                                                                                    \
        }                                                                                                              \
    }
#define SWAPPED_PAIRS                                                                                                  \
    {                                                                                                                  \
        { 0, 1, 0 }, { 1, 2, 1 },                                                                                      \
        {                                                                                                              \
            1, 2, 0                                                                                                    \
        }                                                                                                              \
    }
#define PIXELS(step, a, b, c)                                                                                          \
    {                                                                                                                  \
        { 0, step, a }, { 0, step, b },                                                                                \
        {                                                                                                              \
            0, step, c                                                                                                 \
        }                                                                                                              \
    }
static const memory memories[] = {
    [ONYX_PIXEL_NV12] = { false, 2, 2, 8, 0, PAIRS },
    [ONYX_PIXEL_NV21] = { false, 2, 2, 8, 0, SWAPPED_PAIRS },
    [ONYX_PIXEL_I420] = { false, 2, 2, 8, 0, PLANES },
    [ONYX_PIXEL_YV12] = { false, 2, 2, 8, 0, { { 0, 1, 0 }, { 2, 1, 0 }, { 1, 1, 0 } } },
    [ONYX_PIXEL_YUY2] = { false, 2, 1, 8, 0, { { 0, 2, 0 }, { 0, 4, 1 }, { 0, 4, 3 } } },
    [ONYX_PIXEL_UYVY] = { false, 2, 1, 8, 0, { { 0, 2, 1 }, { 0, 4, 0 }, { 0, 4, 2 } } },
    [ONYX_PIXEL_RGB] = { true, 1, 1, 8, 0, PIXELS(3, 0, 1, 2) },
    [ONYX_PIXEL_BGR] = { true, 1, 1, 8, 0, PIXELS(3, 2, 1, 0) },
    [ONYX_PIXEL_RGBX] = { true, 1, 1, 8, 0, PIXELS(4, 0, 1, 2) },
    [ONYX_PIXEL_BGRX] = { true, 1, 1, 8, 0, PIXELS(4, 2, 1, 0) },
    [ONYX_PIXEL_XRGB] = { true, 1, 1, 8, 0, PIXELS(4, 1, 2, 3) },
    [ONYX_PIXEL_XBGR] = { true, 1, 1, 8, 0, PIXELS(4, 3, 2, 1) },
    [ONYX_PIXEL_GRAY8] = { true, 1, 1, 8, 0, PIXELS(1, 0, 0, 0) },
    [ONYX_PIXEL_Y42B] = { false, 2, 1, 8, 0, PLANES },
    [ONYX_PIXEL_NV16] = { false, 2, 1, 8, 0, PAIRS },
    [ONYX_PIXEL_NV61] = { false, 2, 1, 8, 0, SWAPPED_PAIRS },
    [ONYX_PIXEL_Y444] = { false, 1, 1, 8, 0, PLANES },
    [ONYX_PIXEL_NV24] = { false, 1, 1, 8, 0, PAIRS },
    [ONYX_PIXEL_Y41B] = { false, 4, 1, 8, 0, PLANES },
    [ONYX_PIXEL_AYUV] = { false, 1, 1, 8, 0, PIXELS(4, 1, 2, 3) },
    [ONYX_PIXEL_VUYA] = { false, 1, 1, 8, 0, PIXELS(4, 2, 1, 0) },
    [ONYX_PIXEL_GBR] = { true, 1, 1, 8, 0, { { 2, 1, 0 }, { 0, 1, 0 }, { 1, 1, 0 } } },
    [ONYX_PIXEL_I420_10LE] = { false, 2, 2, 10, 0, PLANES },
    [ONYX_PIXEL_P010_10LE] = { false, 2, 2, 10, 6, PAIRS },
    [ONYX_PIXEL_I422_10LE] = { false, 2, 1, 10, 0, PLANES },
    [ONYX_PIXEL_Y444_10LE] = { false, 1, 1, 10, 0, PLANES },
    [ONYX_PIXEL_I420_12LE] = { false, 2, 2, 12, 0, PLANES },
    [ONYX_PIXEL_I422_12LE] = { false, 2, 1, 12, 0, PLANES },
    [ONYX_PIXEL_Y444_12LE] = { false, 1, 1, 12, 0, PLANES },
    [ONYX_PIXEL_GRAY16_LE] = { true, 1, 1, 16, 0, PIXELS(1, 0, 0, 0) },
};
enum { FORMATS = sizeof memories / sizeof memories[0] };

/* Smooth structure with edges, plus noise, from black to white and over. */
static int pixel_value(size_t x, size_t y, int plane)
{
    size_t wave = (x * 5 + (size_t)plane * 40) % 200 + (y * 3) % 160;
    return (uint8_t)((wave < 180 ? wave : 360 - wave) + next_random() % 32);
}

/* Each plane in its own exactly-sized allocation, so that sanitizers see overreads. */
static void picture_make(picture *p, onyx_pixel_format format, int width, int height, int extra_stride, bool flipped)
{
    const memory *l = &memories[format];
    memset(p, 0, sizeof *p);
    p->image = (onyx_image){ .format = format, .width = width, .height = height };
    for (int k = 0; k < vision_plane_count(format); k++) {
        size_t row = vision_plane_bytes(format, k, width, 1, 0);
        ptrdiff_t stride = (ptrdiff_t)row + extra_stride;
        size_t bytes = vision_plane_bytes(format, k, width, height, stride);
        int rows = (int)((bytes - row) / (size_t)stride) + 1;
        p->memory[k] = malloc(bytes);
        for (size_t i = 0; i < bytes; i++)
            p->memory[k][i] = (uint8_t)pixel_value(i % (size_t)stride, i / (size_t)stride, k);
        for (int y = 0; l->bits > 8 && y < rows; y++)
            for (size_t x = 0; x < row / 2; x++) {
                int finer = l->bits - 8;
                uint32_t value = (uint32_t)pixel_value(x, (size_t)y, k) << finer;
                value |= next_random() % (1u << finer);
                if (!l->low) /* bits that do not count */
                    value |= next_random() << l->bits;
                value <<= l->low;
                p->memory[k][(size_t)y * (size_t)stride + 2 * x] = (uint8_t)value;
                p->memory[k][(size_t)y * (size_t)stride + 2 * x + 1] = (uint8_t)(value >> 8);
            }
        p->image.planes[k] = p->memory[k];
        p->image.strides[k] = stride;
        if (flipped) {
            p->image.planes[k] = p->memory[k] + (size_t)(rows - 1) * (size_t)stride;
            p->image.strides[k] = -stride;
        }
    }
}

static void picture_free(picture *p)
{
    for (int k = 0; k < 3; k++)
        free(p->memory[k]);
}

/* ----------------------------------------------------------------------------------------------------- reference */

/* In steps of 8 bits. */
static double sample(const onyx_image *m, const channel *c, int x, int y)
{
    const memory *l = &memories[m->format];
    const uint8_t *row = m->planes[c->plane] + y * m->strides[c->plane];
    int at = x * c->step + c->place;
    if (l->bits == 8)
        return row[at];
    int value = (row[2 * at] | row[2 * at + 1] << 8) >> l->low;
    return ldexp(value & ((1 << l->bits) - 1), 8 - l->bits);
}

/* Bilinear sample of a channel at a position, clamped to the sample range of the region. */
static double bilinear(const onyx_image *m, const channel *c, double x, double y, const int *range)
{
    double fx = floor(x), fy = floor(y);
    double wx = x - fx, wy = y - fy;
    int x0 = (int)fmin(fmax(fx, range[0]), range[1]), x1 = (int)fmin(fmax(fx + 1, range[0]), range[1]);
    int y0 = (int)fmin(fmax(fy, range[2]), range[3]), y1 = (int)fmin(fmax(fy + 1, range[2]), range[3]);
    double top = sample(m, c, x0, y0) * (1 - wx) + sample(m, c, x1, y0) * wx;
    double low = sample(m, c, x0, y1) * (1 - wx) + sample(m, c, x1, y1) * wx;
    return top * (1 - wy) + low * wy;
}

static double clamp255(double v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

/* r, g, b (not rounded) at a position of the picture given in luma samples; returns the light. */
static double reference_rgb(const onyx_image *m, const vision_region *region, double x, double y, double rgb[3])
{
    const memory *l = &memories[m->format];
    int whole[4] = { region->x, region->x + region->width - 1, region->y, region->y + region->height - 1 };
    int shared[4] = { whole[0] / l->across, whole[1] / l->across, whole[2] / l->down, whole[3] / l->down };
    double most = ldexp((1 << l->bits) - 1, 8 - l->bits); /* 255, 255.75, ... */
    if (l->rgb) {
        for (int c = 0; c < 3; c++)
            rgb[c] = bilinear(m, &l->channels[c], x, y, whole) * 255 / most;
        bool grey = l->channels[1].plane == l->channels[0].plane && l->channels[1].place == l->channels[0].place;
        return grey ? rgb[0] : 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
    }
    double sx = m->chroma_site == ONYX_CHROMA_CENTRE ? (l->across - 1) / 2.0 : 0;
    double sy = m->chroma_site == ONYX_CHROMA_TOP_LEFT ? 0 : (l->down - 1) / 2.0;
    double luma = bilinear(m, &l->channels[0], x, y, whole);
    double u = bilinear(m, &l->channels[1], (x - sx) / l->across, (y - sy) / l->down, shared);
    double v = bilinear(m, &l->channels[2], (x - sx) / l->across, (y - sy) / l->down, shared);
    static const double red[] = { 0.299, 0.2126, 0.2627 }, blue[] = { 0.114, 0.0722, 0.0593 };
    double kr = red[m->matrix], kb = blue[m->matrix], kg = 1 - kr - kb;
    double light = m->full_range ? luma * 255 / most : (luma - 16) * 255 / 219;
    double chroma = m->full_range ? 255 / most : 255.0 / 224;
    u = (u - 128) * chroma;
    v = (v - 128) * chroma;
    rgb[0] = light + 2 * (1 - kr) * v;
    rgb[1] = light - 2 * (1 - kb) * kb / kg * u - 2 * (1 - kr) * kr / kg * v;
    rgb[2] = light + 2 * (1 - kb) * u;
    return light;
}

static double tensor_value(const onyx_tensor *t, vision_layout layout, int channels, int w, int h, int c, int y, int x)
{
    size_t i = layout == VISION_NHWC ? ((size_t)y * (size_t)w + (size_t)x) * (size_t)channels + (size_t)c
                                     : ((size_t)c * (size_t)h + (size_t)y) * (size_t)w + (size_t)x;
    if (t->type == ONYX_TYPE_UINT8)
        return ((uint8_t *)t->data)[i];
    if (t->type == ONYX_TYPE_INT8)
        return ((int8_t *)t->data)[i] + 128;
    if (t->type == ONYX_TYPE_FLOAT16)
        return half_to_float(((uint16_t *)t->data)[i]);
    return (double)((float *)t->data)[i];
}

typedef struct trial {
    onyx_pixel_format format;
    int width, height, input_width, input_height, extra_stride;
    onyx_scaling scaling;
    onyx_type type;
    vision_layout layout;
    int channels;
    bool bgr, flipped, full_range;
    onyx_colour_matrix matrix;
    onyx_chroma_site site;
    vision_region region;   /* width 0: whole */
    int aspect_x, aspect_y; /* of a pixel; 0: square */
} trial;

static void geometry_by_hand(const trial *t, const vision_region *r, int *nw, int *nh, int *left, int *top)
{
    *nw = t->input_width, *nh = t->input_height, *left = *top = 0;
    if (t->scaling == ONYX_SCALING_STRETCH)
        return;
    double shown = r->width * (t->aspect_x ? (double)t->aspect_x / t->aspect_y : 1);
    double ratio = fmin(t->input_width / shown, (double)t->input_height / r->height);
    *nw = (int)fmax(1, nearbyint(shown * ratio));
    *nh = (int)fmax(1, nearbyint(r->height * ratio));
    if (t->scaling == ONYX_SCALING_LETTERBOX) {
        *left = (t->input_width - *nw) / 2;
        *top = (t->input_height - *nh) / 2;
    }
}

/* Compares `step`-spaced pixels (all for small inputs) and says what the worst one was. */
static void compare(const trial *t, const picture *p, const onyx_tensor *tensor, const onyx_preprocess *pre,
                    const onyx_geometry *g)
{
    vision_region r = t->region.width ? t->region : (vision_region){ 0, 0, t->width, t->height };
    int nw, nh, left, top, w = t->input_width, h = t->input_height, wrong_pixels = 0, pixels = 0;
    geometry_by_hand(t, &r, &nw, &nh, &left, &top);
    CHECK(g->content_width == nw && g->content_height == nh && g->content_x == left && g->content_y == top,
          "%s %dx%d -> %dx%d %s: content %d,%d %dx%d, expected %d,%d %dx%d", vision_format_name(t->format), t->width,
          t->height, w, h, scaling_names[t->scaling], g->content_x, g->content_y, g->content_width, g->content_height,
          left, top, nw, nh);
    double worst = 0;
    int wx = 0, wy = 0, wc = 0;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            double rgb[3] = { pre->pad, pre->pad, pre->pad };
            if (x >= left && x < left + nw && y >= top && y < top + nh) {
                double px = (x - left + 0.5) * r.width / nw - 0.5 + r.x,
                       py = (y - top + 0.5) * r.height / nh - 0.5 + r.y;
                double light = reference_rgb(&p->image, &r, px, py, rgb);
                if (t->channels == 1)
                    rgb[0] = light;
            }
            for (int c = 0; c < t->channels; c++) {
                double got = tensor_value(tensor, t->layout, t->channels, w, h, c, y, x);
                int source = t->channels == 1 ? 0 : t->bgr ? 2 - c : c;
                if (t->type != ONYX_TYPE_UINT8 && t->type != ONYX_TYPE_INT8)
                    got = (got + pre->mean[c]) / pre->scale[c];
                double want = floor(clamp255(rgb[source]) + 0.5), error = fabs(got - want);
                pixels++;
                wrong_pixels += error > 0.5;
                if (error > worst)
                    worst = error, wx = x, wy = y, wc = c;
            }
        }
    /* Where the double value lies near a half, rounding may go the other way: one step at most, and rarely. */
    double limit = t->type == ONYX_TYPE_FLOAT16 ? 1.2 : 1.001;
    double share = r.width * r.height < 100 ? 1 : t->channels == 1 ? 0.2 : 0.1;
    const memory *l = &memories[t->format];
    bool exact = l->rgb && l->bits == 8 && (t->channels == 3 || t->format == ONYX_PIXEL_GRAY8);
    if (exact && t->type != ONYX_TYPE_FLOAT16)
        limit = 0.001;
    CHECK(worst <= limit && (t->type == ONYX_TYPE_FLOAT16 || wrong_pixels <= share * pixels + 3),
          "%s %dx%d -> %dx%d %s type %s layout %d channels %d region %dx%d: worst %.3f at x %d y %d channel %d, %d of "
          "%d off",
          vision_format_name(t->format), t->width, t->height, w, h, scaling_names[t->scaling], onyx_type_name(t->type),
          (int)t->layout, t->channels, t->region.width, t->region.height, worst, wx, wy, wc, wrong_pixels, pixels);
}

static void run_trial(const trial *t, workers *pool)
{
    picture p;
    picture_make(&p, t->format, t->width, t->height, t->extra_stride, t->flipped);
    p.image.matrix = t->matrix;
    p.image.full_range = t->full_range;
    p.image.chroma_site = t->site;
    p.image.pixel_aspect_x = t->aspect_x;
    p.image.pixel_aspect_y = t->aspect_y;
    onyx_preprocess pre = { .scaling = t->scaling, .bgr = t->bgr, .channels = t->channels, .pad = 114 };
    for (int c = 0; c < 3; c++) {
        pre.scale[c] = 1.0 / (200 + 20 * c);
        pre.mean[c] = 0.25 * c;
    }
    onyx_tensor tensor = { .type = t->type, .rank = 4, .dims = { 1, t->channels, t->input_height, t->input_width } };
    if (t->layout == VISION_NHWC) {
        tensor.dims[1] = t->input_height;
        tensor.dims[2] = t->input_width;
        tensor.dims[3] = t->channels;
    }
    tensor.size_bytes = (size_t)t->channels * (size_t)t->input_height * (size_t)t->input_width * type_size(t->type);
    tensor.data = malloc(tensor.size_bytes);
    memset(tensor.data, 0xee, tensor.size_bytes);
    onyx_geometry g;
    onyx_error error;
    const vision_region *region = t->region.width ? &t->region : NULL;
    onyx_status status = vision_image_to_tensor(&p.image, region, &pre, t->layout, &tensor, pool, &g, &error);
    if (CHECK(status == ONYX_OK, "%s %dx%d: %s", vision_format_name(t->format), t->width, t->height, error.message))
        compare(t, &p, &tensor, &pre, &g);
    if (pool) { /* the bits do not depend on the threads */
        void *shared = tensor.data;
        tensor.data = malloc(tensor.size_bytes);
        vision_image_to_tensor(&p.image, region, &pre, t->layout, &tensor, NULL, NULL, NULL);
        CHECK(!memcmp(shared, tensor.data, tensor.size_bytes), "%s %dx%d: other bits alone",
              vision_format_name(t->format), t->width, t->height);
        free(shared);
    }
    free(tensor.data);
    picture_free(&p);
}

static void test_formats(void)
{
    static const int sizes[][4] = { { 64, 48, 32, 32 },  { 61, 47, 40, 24 },  { 1, 1, 16, 16 },    { 2, 2, 7, 9 },
                                    { 3, 5, 32, 32 },    { 200, 10, 64, 64 }, { 10, 200, 33, 64 }, { 320, 240, 96, 96 },
                                    { 31, 33, 100, 80 }, { 128, 72, 64, 64 }, { 5, 1, 64, 20 } };
    for (int format = ONYX_PIXEL_NV12; format < FORMATS; format++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            for (int scaling = ONYX_SCALING_LETTERBOX; scaling <= ONYX_SCALING_STRETCH; scaling++) {
                trial t = { .format = format,
                            .width = sizes[s][0],
                            .height = sizes[s][1],
                            .input_width = sizes[s][2],
                            .input_height = sizes[s][3],
                            .scaling = scaling,
                            .type = ONYX_TYPE_FLOAT32,
                            .channels = 3,
                            .extra_stride = (int)(s * 7 % 20),
                            .bgr = s & 1,
                            .matrix = (onyx_colour_matrix)(s % 3),
                            .site = (onyx_chroma_site)((s + 1) % 3),
                            .full_range = s % 4 == 3,
                            .flipped = s % 5 == 4,
                            .aspect_x = s % 3 == 2 ? 16 : 0,
                            .aspect_y = s % 3 == 2 ? 11 : 0 };
                run_trial(&t, NULL);
                t.type = s % 4 == 1 ? ONYX_TYPE_INT8 : s % 4 == 3 ? ONYX_TYPE_UINT8 : ONYX_TYPE_FLOAT16;
                t.layout = s % 3 ? VISION_NHWC : VISION_NCHW;
                run_trial(&t, NULL);
                t.channels = 1;
                run_trial(&t, NULL);
                t.channels = 3;
                t.region = (vision_region){ t.width / 3, t.height / 4, (t.width + 1) / 2, (t.height + 1) / 2 };
                run_trial(&t, NULL);
            }
}

static void test_large(workers *pool)
{
    static const int sizes[][4] = { { 2, 4097, 640, 640 }, { 4097, 2, 640, 640 },  { 1920, 1080, 640, 640 },
                                    { 40, 30, 1100, 500 }, { 20001, 3, 320, 320 }, { 1279, 721, 416, 416 } };
    static const onyx_pixel_format some[] = { ONYX_PIXEL_NV12, ONYX_PIXEL_YUY2,      ONYX_PIXEL_RGB,
                                              ONYX_PIXEL_BGRX, ONYX_PIXEL_P010_10LE, ONYX_PIXEL_Y444_10LE };
    for (size_t f = 0; f < sizeof some / sizeof some[0]; f++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            trial t = { .format = some[f],
                        .width = sizes[s][0],
                        .height = sizes[s][1],
                        .input_width = sizes[s][2],
                        .input_height = sizes[s][3],
                        .scaling = s % 2 ? ONYX_SCALING_STRETCH : ONYX_SCALING_LETTERBOX,
                        .type = ONYX_TYPE_FLOAT32,
                        .channels = 3 };
            run_trial(&t, pool);
        }
    trial huge = { .format = ONYX_PIXEL_I420,
                   .width = 8192,
                   .height = 4320,
                   .input_width = 320,
                   .input_height = 320,
                   .scaling = ONYX_SCALING_LETTERBOX,
                   .type = ONYX_TYPE_FLOAT32,
                   .channels = 3 };
    run_trial(&huge, NULL);
}

/* Every row of the luma (or of the packed pixels) on pages of its own, and only those readable that a reduction to a
 * third needs: the middle ones. Any other access ends the program. */
static void test_rows_read(void)
{
    enum { WIDTH = 1920, HEIGHT = 1080, SIDE = 640 };
    static const struct {
        onyx_pixel_format format;
        int pixel_bytes;
    } cases[] = { { ONYX_PIXEL_NV12, 1 },  { ONYX_PIXEL_YUY2, 2 },      { ONYX_PIXEL_RGB, 3 },
                  { ONYX_PIXEL_GRAY8, 1 }, { ONYX_PIXEL_P010_10LE, 2 }, { ONYX_PIXEL_GRAY16_LE, 2 } };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    onyx_preprocess pre = { .channels = 3, .scale = { 1, 1, 1 } };
    onyx_tensor tensor = { .type = ONYX_TYPE_FLOAT32, .rank = 4, .dims = { 1, 3, SIDE, SIDE } };
    tensor.size_bytes = 3 * SIDE * SIDE * sizeof(float);
    tensor.data = malloc(tensor.size_bytes);
    uint8_t *chroma = calloc(HEIGHT / 2, 2 * WIDTH);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        size_t row = (size_t)cases[k].pixel_bytes * WIDTH, stride = (row + page - 1) / page * page;
        uint8_t *rows = mmap(NULL, stride * HEIGHT, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (!CHECK(rows != MAP_FAILED, "no memory"))
            continue;
        for (size_t y = 1; y < HEIGHT; y += 3)
            mprotect(rows + y * stride, stride, PROT_READ);
        onyx_image image = { .format = cases[k].format, .width = WIDTH, .height = HEIGHT, .planes = { rows, chroma } };
        image.strides[0] = (ptrdiff_t)stride;
        image.strides[1] = 2 * WIDTH;
        onyx_error e;
        CHECK(!vision_image_to_tensor(&image, NULL, &pre, VISION_NCHW, &tensor, NULL, NULL, &e), "%s: %s",
              vision_format_name(cases[k].format), e.message);
        munmap(rows, stride * HEIGHT);
    }
    free(chroma);
    free(tensor.data);
}

/* --------------------------------------------------------------------------------------------------------- errors */

static void test_refusals(void)
{
    static uint8_t pixels[64 * 64 * 3];
    static float data[3 * 32 * 32];
    onyx_image good = { .format = ONYX_PIXEL_RGB, .width = 64, .height = 64, .planes = { pixels }, .strides = { 192 } };
    onyx_preprocess pre = { .channels = 3, .scale = { 1, 1, 1 } };
    onyx_tensor tensor = {
        .type = ONYX_TYPE_FLOAT32, .rank = 4, .dims = { 1, 3, 32, 32 }, .data = data, .size_bytes = sizeof data
    };
    onyx_error e;
    onyx_image m = good;
    CHECK(!vision_image_to_tensor(&m, NULL, &pre, VISION_NCHW, &tensor, NULL, NULL, &e), "the good one is taken");
    m.format = 99;
    CHECK(vision_image_to_tensor(&m, NULL, &pre, VISION_NCHW, &tensor, NULL, NULL, &e), "format");
    m = good, m.width = 0;
    CHECK(vision_image_to_tensor(&m, NULL, &pre, VISION_NCHW, &tensor, NULL, NULL, &e), "width 0");
    m = good, m.width = 1 << 25;
    CHECK(vision_image_to_tensor(&m, NULL, &pre, VISION_NCHW, &tensor, NULL, NULL, &e), "too wide for its stride");
    m = good, m.strides[0] = 191;
    CHECK(vision_image_to_tensor(&m, NULL, &pre, VISION_NCHW, &tensor, NULL, NULL, &e), "stride");
    m = good, m.planes[0] = NULL;
    CHECK(vision_image_to_tensor(&m, NULL, &pre, VISION_NCHW, &tensor, NULL, NULL, &e), "plane");
    onyx_tensor t = tensor;
    t.type = ONYX_TYPE_INT64;
    CHECK(vision_image_to_tensor(&good, NULL, &pre, VISION_NCHW, &t, NULL, NULL, &e) == ONYX_ERROR_TYPE, "type");
    t = tensor, t.dims[1] = 4;
    CHECK(vision_image_to_tensor(&good, NULL, &pre, VISION_NCHW, &t, NULL, NULL, &e) == ONYX_ERROR_SHAPE, "channels");
    t = tensor, t.size_bytes--;
    CHECK(vision_image_to_tensor(&good, NULL, &pre, VISION_NCHW, &t, NULL, NULL, &e), "size");
    t = tensor, t.rank = 2;
    CHECK(vision_image_to_tensor(&good, NULL, &pre, VISION_NCHW, &t, NULL, NULL, &e) == ONYX_ERROR_SHAPE, "rank");
    m = good, m.pixel_aspect_x = 4;
    CHECK(vision_image_to_tensor(&m, NULL, &pre, VISION_NCHW, &tensor, NULL, NULL, &e), "aspect 4:0");
    m.pixel_aspect_y = -3;
    CHECK(vision_image_to_tensor(&m, NULL, &pre, VISION_NCHW, &tensor, NULL, NULL, &e), "aspect 4:-3");
    vision_region outside = { 60, 0, 5, 5 };
    CHECK(vision_image_to_tensor(&good, &outside, &pre, VISION_NCHW, &tensor, NULL, NULL, &e), "region");
}

/* PAL on a 4:3 and on a 16:9 screen, and a round thing in it: round in the input. */
static void test_aspect(void)
{
    static const int cases[][4] = { { 12, 11, 640, 469 }, { 16, 11, 640, 352 }, { 1, 2, 400, 640 } };
    for (size_t k = 0; k < 3; k++) {
        onyx_image pal = { .width = 720, .height = 576, .pixel_aspect_x = cases[k][0], .pixel_aspect_y = cases[k][1] };
        onyx_geometry g;
        vision_geometry(&pal, NULL, ONYX_SCALING_LETTERBOX, 640, 640, &g, NULL);
        CHECK(g.content_width == cases[k][2] && g.content_height == cases[k][3], "aspect %d:%d: %dx%d", cases[k][0],
              cases[k][1], g.content_width, g.content_height);
        double width = 100.0 * cases[k][1] / cases[k][0] * (double)g.scale_x, height = 100 * (double)g.scale_y;
        CHECK(fabs(width / height - 1) < 0.003, "aspect %d:%d: %g x %g", cases[k][0], cases[k][1], width, height);
        vision_geometry(&pal, NULL, ONYX_SCALING_STRETCH, 640, 320, &g, NULL);
        CHECK(g.content_width == 640 && g.content_height == 320, "stretched: %dx%d", g.content_width, g.content_height);
    }
}

/* A corner of the picture comes back to the same corner. */
static void test_geometry(void)
{
    for (int i = 0; i < 2000; i++) {
        int w = 1 + (int)(next_random() % 5000), h = 1 + (int)(next_random() % 5000);
        int iw = 32 + (int)(next_random() % 1300), ih = 32 + (int)(next_random() % 1300);
        onyx_geometry g;
        onyx_image size = { .width = w, .height = h };
        if (i & 1) {
            size.pixel_aspect_x = 1 + (int)(next_random() % 40);
            size.pixel_aspect_y = 1 + (int)(next_random() % 40);
        }
        if (!CHECK(!vision_geometry(&size, NULL, 1 + (onyx_scaling)(i % 3), iw, ih, &g, NULL), "geometry"))
            continue;
        float left = vision_to_picture_x(&g, (float)g.content_x), top = vision_to_picture_y(&g, (float)g.content_y);
        float right = vision_to_picture_x(&g, (float)(g.content_x + g.content_width));
        float bottom = vision_to_picture_y(&g, (float)(g.content_y + g.content_height));
        CHECK(fabsf(left) < 0.01f && fabsf(top) < 0.01f && fabsf(right - (float)w) < 0.01f &&
                  fabsf(bottom - (float)h) < 0.01f,
              "%dx%d in %dx%d: %g %g %g %g", w, h, iw, ih, (double)left, (double)top, (double)right, (double)bottom);
    }
}

/* ---------------------------------------------------------------------------------------------------------- bench */

/* Of this thread, so that other processes disturb least. */
static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void bench(void)
{
    static const int sizes[][2] = { { 1920, 1080 }, { 3840, 2160 }, { 1280, 720 }, { 640, 480 } };
    onyx_preprocess pre = { .scaling = ONYX_SCALING_LETTERBOX, .channels = 3, .pad = 114 };
    for (int c = 0; c < 3; c++)
        pre.scale[c] = 1 / 255.0;
    onyx_tensor tensor = { .type = ONYX_TYPE_FLOAT32, .rank = 4, .dims = { 1, 3, 640, 640 } };
    tensor.size_bytes = 3 * 640 * 640 * sizeof(float);
    tensor.data = aligned_alloc(64, tensor.size_bytes);
    printf("row kernels: %s\n", vision_rows_here()->name);
    for (size_t s = 0; s < 4; s++)
        for (int format = ONYX_PIXEL_NV12; format < FORMATS; format++) {
            picture p;
            picture_make(&p, format, sizes[s][0], sizes[s][1], 0, false);
            double best = 1e9, total = 0;
            for (int i = 0; i < 200 && total < 100; i++) {
                double start = now_ms();
                vision_image_to_tensor(&p.image, NULL, &pre, VISION_NCHW, &tensor, NULL, NULL, NULL);
                double spent = now_ms() - start;
                best = spent < best ? spent : best;
                total += spent;
            }
            printf("%-9s %dx%d -> 640x640: %.3f ms\n", vision_format_name(format), sizes[s][0], sizes[s][1], best);
            picture_free(&p);
        }
    free(tensor.data);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--bench")) {
        bench();
        return 0;
    }
    workers *pool = NULL;
    onyx_error error;
    if (workers_new(2, false, &pool, &error))
        check_skip("no thread pool");
    test_formats();
    test_large(pool);
    test_rows_read();
    test_geometry();
    test_aspect();
    test_refusals();
    workers_free(pool);
    return check_done();
}
