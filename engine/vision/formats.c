/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The table of formats, and what memory their planes need. */
#include "vision/formats.h"

#include "base/size.h"
#include "vision/vision.h"

static const format_row formats[] = {
    [ONYX_PIXEL_NV12] = { "NV12", KIND_PAIRS, true, { 0, 0, 1 }, 1, 1, 1, 8, 0 },
    [ONYX_PIXEL_NV21] = { "NV21", KIND_PAIRS, true, { 0, 1, 0 }, 1, 1, 1, 8, 0 },
    [ONYX_PIXEL_I420] = { "I420", KIND_PLANES, true, { 0, 1, 2 }, 1, 1, 1, 8, 0 },
    [ONYX_PIXEL_YV12] = { "YV12", KIND_PLANES, true, { 0, 2, 1 }, 1, 1, 1, 8, 0 },
    [ONYX_PIXEL_YUY2] = { "YUY2", KIND_PACKED_YUV, true, { 0, 1, 3 }, 2, 1, 0, 8, 0 },
    [ONYX_PIXEL_UYVY] = { "UYVY", KIND_PACKED_YUV, true, { 1, 0, 2 }, 2, 1, 0, 8, 0 },
    [ONYX_PIXEL_RGB] = { "RGB", KIND_PIXELS, false, { 0, 1, 2 }, 3, 0, 0, 8, 0 },
    [ONYX_PIXEL_BGR] = { "BGR", KIND_PIXELS, false, { 2, 1, 0 }, 3, 0, 0, 8, 0 },
    [ONYX_PIXEL_RGBX] = { "RGBX", KIND_PIXELS, false, { 0, 1, 2 }, 4, 0, 0, 8, 0 },
    [ONYX_PIXEL_BGRX] = { "BGRX", KIND_PIXELS, false, { 2, 1, 0 }, 4, 0, 0, 8, 0 },
    [ONYX_PIXEL_XRGB] = { "XRGB", KIND_PIXELS, false, { 1, 2, 3 }, 4, 0, 0, 8, 0 },
    [ONYX_PIXEL_XBGR] = { "XBGR", KIND_PIXELS, false, { 3, 2, 1 }, 4, 0, 0, 8, 0 },
    [ONYX_PIXEL_GRAY8] = { "GRAY8", KIND_GRAY, false, { 0, 0, 0 }, 1, 0, 0, 8, 0 },
    [ONYX_PIXEL_Y42B] = { "Y42B", KIND_PLANES, true, { 0, 1, 2 }, 1, 1, 0, 8, 0 },
    [ONYX_PIXEL_NV16] = { "NV16", KIND_PAIRS, true, { 0, 0, 1 }, 1, 1, 0, 8, 0 },
    [ONYX_PIXEL_NV61] = { "NV61", KIND_PAIRS, true, { 0, 1, 0 }, 1, 1, 0, 8, 0 },
    [ONYX_PIXEL_Y444] = { "Y444", KIND_PLANES, true, { 0, 1, 2 }, 1, 0, 0, 8, 0 },
    [ONYX_PIXEL_NV24] = { "NV24", KIND_PAIRS, true, { 0, 0, 1 }, 1, 0, 0, 8, 0 },
    [ONYX_PIXEL_Y41B] = { "Y41B", KIND_PLANES, true, { 0, 1, 2 }, 1, 2, 0, 8, 0 },
    [ONYX_PIXEL_AYUV] = { "AYUV", KIND_PIXELS, true, { 1, 2, 3 }, 4, 0, 0, 8, 0 },
    [ONYX_PIXEL_VUYA] = { "VUYA", KIND_PIXELS, true, { 2, 1, 0 }, 4, 0, 0, 8, 0 },
    [ONYX_PIXEL_GBR] = { "GBR", KIND_PLANES, false, { 2, 0, 1 }, 1, 0, 0, 8, 0 },
    [ONYX_PIXEL_I420_10LE] = { "I420_10LE", KIND_PLANES, true, { 0, 1, 2 }, 2, 1, 1, 10, 6 },
    [ONYX_PIXEL_P010_10LE] = { "P010_10LE", KIND_PAIRS, true, { 0, 0, 1 }, 2, 1, 1, 10, 0 },
    [ONYX_PIXEL_I422_10LE] = { "I422_10LE", KIND_PLANES, true, { 0, 1, 2 }, 2, 1, 0, 10, 6 },
    [ONYX_PIXEL_Y444_10LE] = { "Y444_10LE", KIND_PLANES, true, { 0, 1, 2 }, 2, 0, 0, 10, 6 },
    [ONYX_PIXEL_I420_12LE] = { "I420_12LE", KIND_PLANES, true, { 0, 1, 2 }, 2, 1, 1, 12, 4 },
    [ONYX_PIXEL_I422_12LE] = { "I422_12LE", KIND_PLANES, true, { 0, 1, 2 }, 2, 1, 0, 12, 4 },
    [ONYX_PIXEL_Y444_12LE] = { "Y444_12LE", KIND_PLANES, true, { 0, 1, 2 }, 2, 0, 0, 12, 4 },
    [ONYX_PIXEL_GRAY16_LE] = { "GRAY16_LE", KIND_GRAY, true, { 0, 0, 0 }, 2, 0, 0, 16, 0 },
};

const format_row *format_of(onyx_pixel_format format)
{
    unsigned row = (unsigned)format;
    return row < sizeof formats / sizeof formats[0] && formats[row].name ? &formats[row] : NULL;
}

int vision_plane_count(onyx_pixel_format format)
{
    const format_row *row = format_of(format);
    return !row ? 0 : row->kind == KIND_PLANES ? 3 : row->kind == KIND_PAIRS ? 2 : 1;
}

const char *vision_format_name(onyx_pixel_format format)
{
    const format_row *row = format_of(format);
    return row ? row->name : "?";
}

/* `count` pixels as samples that stand for 1 << shift of them. */
static size_t shared(size_t count, int shift)
{
    return (count + ((size_t)1 << shift) - 1) >> shift;
}

/* Bytes of one row, without what a stride adds. */
static size_t row_bytes(const format_row *format, int plane, size_t width)
{
    if (plane > 0)
        return shared(width, format->shift_x) * (size_t)chroma_step(format);
    if (format->kind == KIND_PACKED_YUV) /* whole groups */
        width += width & 1;
    return width * format->step;
}

size_t vision_plane_bytes(onyx_pixel_format format, int plane, int width, int height, ptrdiff_t stride)
{
    if (plane < 0 || plane >= vision_plane_count(format) || width < 1 || height < 1)
        return 0;
    const format_row *row = format_of(format);
    size_t rows = (size_t)height, step = stride < 0 ? (size_t)0 - (size_t)stride : (size_t)stride, bytes;
    if (plane > 0)
        rows = shared(rows, row->shift_y);
    if (!size_mul(rows - 1, step, &bytes) || !size_add(bytes, row_bytes(row, plane, (size_t)width), &bytes))
        return SIZE_MAX;
    return bytes;
}
