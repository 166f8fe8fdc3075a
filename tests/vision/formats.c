/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The memory that pictures of each format need, and the refusal of those that have less. */
#include "check.h"
#include "vision/vision.h"

enum { LAST = ONYX_PIXEL_GRAY16_LE };

static void test_plane_bytes(void)
{
    static const struct {
        onyx_pixel_format format;
        int plane, width, height;
        ptrdiff_t stride;
        size_t bytes;
    } cases[] = {
        { ONYX_PIXEL_NV12, 1, 5, 5, 6, 18 },       { ONYX_PIXEL_NV12, 0, 5, 5, -8, 37 },
        { ONYX_PIXEL_YUY2, 0, 5, 2, 16, 28 },      { ONYX_PIXEL_Y42B, 2, 5, 5, 4, 19 },
        { ONYX_PIXEL_NV16, 1, 5, 5, 8, 38 },       { ONYX_PIXEL_NV24, 1, 5, 5, 16, 74 },
        { ONYX_PIXEL_Y444, 1, 5, 5, 8, 37 },       { ONYX_PIXEL_Y41B, 1, 5, 5, 4, 18 },
        { ONYX_PIXEL_GBR, 2, 5, 5, 8, 37 },        { ONYX_PIXEL_AYUV, 0, 5, 2, 20, 40 },
        { ONYX_PIXEL_I420_10LE, 1, 5, 5, 8, 22 },  { ONYX_PIXEL_P010_10LE, 1, 5, 5, 16, 44 },
        { ONYX_PIXEL_I422_12LE, 1, 5, 5, -8, 38 }, { ONYX_PIXEL_GRAY16_LE, 0, 5, 5, 16, 74 },
        { ONYX_PIXEL_GRAY16_LE, 1, 5, 5, 16, 0 },  { ONYX_PIXEL_NV16, 2, 5, 5, 8, 0 },
        { ONYX_PIXEL_I420_10LE, -1, 5, 5, 8, 0 },  { ONYX_PIXEL_Y444, 1, 5, 5, PTRDIFF_MAX, SIZE_MAX },
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        size_t bytes =
            vision_plane_bytes(cases[k].format, cases[k].plane, cases[k].width, cases[k].height, cases[k].stride);
        CHECK(bytes == cases[k].bytes, "plane %d of %s: %zu bytes, expected %zu", cases[k].plane,
              vision_format_name(cases[k].format), bytes, cases[k].bytes);
    }
}

static void test_names(void)
{
    for (int format = ONYX_PIXEL_NV12; format <= LAST; format++)
        CHECK(vision_plane_count(format) > 0 && vision_format_name(format)[0] != '?', "format %d", format);
    CHECK(vision_plane_count(0) == 0 && vision_plane_count((onyx_pixel_format)(LAST + 1)) == 0, "no format");
}

/* Every plane that a format has must be there, with rows that are long enough. */
static void test_refusals(void)
{
    enum { WIDTH = 33, HEIGHT = 17 };
    static uint8_t memory[WIDTH * 4 * (HEIGHT + 1)];
    static float data[3 * 32 * 32];
    onyx_preprocess pre = { .channels = 3, .scale = { 1, 1, 1 } };
    onyx_tensor tensor = {
        .type = ONYX_TYPE_FLOAT32, .rank = 4, .dims = { 1, 3, 32, 32 }, .data = data, .size_bytes = sizeof data
    };
    onyx_error e;
    for (int format = ONYX_PIXEL_NV12; format <= LAST; format++) {
        const char *name = vision_format_name(format);
        onyx_image good = { .format = format, .width = WIDTH, .height = HEIGHT };
        for (int k = 0; k < vision_plane_count(format); k++) {
            good.planes[k] = memory;
            good.strides[k] = (ptrdiff_t)vision_plane_bytes(format, k, WIDTH, 1, 0);
        }
        CHECK(!vision_image_to_tensor(&good, NULL, &pre, VISION_NCHW, &tensor, NULL, NULL, &e), "%s: %s", name,
              e.message);
        for (int k = 0; k < vision_plane_count(format); k++) {
            onyx_image m = good;
            m.planes[k] = NULL;
            CHECK(vision_image_to_tensor(&m, NULL, &pre, VISION_NCHW, &tensor, NULL, NULL, &e) == ONYX_ERROR_ARGUMENT,
                  "%s without plane %d", name, k);
            m = good;
            m.strides[k]--;
            CHECK(vision_image_to_tensor(&m, NULL, &pre, VISION_NCHW, &tensor, NULL, NULL, &e) == ONYX_ERROR_ARGUMENT,
                  "%s with short rows in plane %d", name, k);
            m.strides[k] = -m.strides[k];
            CHECK(vision_image_to_tensor(&m, NULL, &pre, VISION_NCHW, &tensor, NULL, NULL, &e) == ONYX_ERROR_ARGUMENT,
                  "%s with short rows upwards in plane %d", name, k);
        }
        onyx_image m = good;
        m.width = m.height = INT32_MAX;
        for (int k = 0; k < 3; k++)
            m.strides[k] = PTRDIFF_MAX;
        CHECK(vision_image_to_tensor(&m, NULL, &pre, VISION_NCHW, &tensor, NULL, NULL, &e) == ONYX_ERROR_ARGUMENT,
              "%s larger than memory", name);
    }
}

int main(void)
{
    test_plane_bytes();
    test_names();
    test_refusals();
    return check_done();
}
