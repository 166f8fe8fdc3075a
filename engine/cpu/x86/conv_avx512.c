/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Convolution units, AVX-512: 16 lanes, 32 registers. Tiles of at most 25 accumulators; all of two filter blocks
 * and more reach 96-99 % of peak, 1 x 16 (a load per multiply-add) 94 %. */
#include "cpu/x86/math_avx512.h"

#include "cpu/conv.h"
#include "cpu/conv_tile_body.h"
#include "cpu/conv_first_body.h"
#include "cpu/conv_depthwise_body.h"
#include "cpu/conv_winograd_body.h"
#include "cpu/conv_phases_body.h"

#define TILES(X, kind, step)                                                                                           \
    CONV_PIXELS_16(X, 1, kind, step)                                                                                   \
    CONV_PIXELS_12(X, 2, kind, step)                                                                                   \
    CONV_PIXELS_8(X, 3, kind, step)                                                                                    \
    CONV_PIXELS_6(X, 4, kind, step)                                                                                    \
    CONV_PIXELS_5(X, 5, kind, step)

TILES(CONV_TILE, unit, VF_LANES)
TILES(CONV_TILE, two, 2 * VF_LANES)
CONV_PIXELS_16(CONV_FIRST_TILE, 1, plain_two, 2)
CONV_PIXELS_16(CONV_PRODUCT_TILE, 1, products, 1)
CONV_PIXELS_12(CONV_PRODUCT_TILE, 2, products, 1)
CONV_PIXELS_8(CONV_HALVED_TILE, 2, halved, VF_LANES)
CONV_PIXELS_5(CONV_HALVED_TILE, 3, halved, VF_LANES)
CONV_PIXELS_4(CONV_TILE, 1, any, 0)
CONV_PIXELS_4(CONV_TILE, 2, any, 0)
CONV_PIXELS_4(CONV_TILE, 3, any, 0)
CONV_PIXELS_4(CONV_TILE, 4, any, 0)

#define TILE_SET(kind, step)                                                                                           \
    {                                                                                                                  \
        .filters = 5, .pixels = { 16, 12, 8, 6, 5 }, .run = {                                                          \
            { CONV_PIXELS_16(CONV_TILE_NAME, 1, kind, step) },                                                         \
            { CONV_PIXELS_12(CONV_TILE_NAME, 2, kind, step) },                                                         \
            { CONV_PIXELS_8(CONV_TILE_NAME, 3, kind, step) },                                                          \
            { CONV_PIXELS_6(CONV_TILE_NAME, 4, kind, step) },                                                          \
            { CONV_PIXELS_5(CONV_TILE_NAME, 5, kind, step) },                                                          \
        }                                                                                                              \
    }

static const conv_units units = {
    .lanes = VF_LANES,
    .direct_name = "conv_direct_f32_avx512",
    .strassen_name = "conv_strassen_f32_avx512",
    .taps_name = "conv_taps_f32_avx512",
    .plain_name = "conv_plain_f32_avx512",
    .winograd_name = { "conv_winograd43_f32_avx512", "conv_winograd42_f32_avx512", "conv_winograd23_f32_avx512",
                       "conv_winograd22_f32_avx512" },
    .line_name = { "conv_winograd43_line_f32_avx512", "conv_winograd45_line_f32_avx512",
                   "conv_winograd47_line_f32_avx512" },
    .phases_name = "conv_winograd44_f32_avx512",
    .depthwise_name = "conv_depthwise_f32_avx512",
    .unit = TILE_SET(unit, VF_LANES),
    .two = TILE_SET(two, 2 * VF_LANES),
    .plain_two = { .filters = 1, .pixels = { 16 }, .run = {
        { CONV_PIXELS_16(CONV_TILE_NAME, 1, plain_two, 2) },
    } },
    .any = { .filters = 4, .pixels = { 4, 4, 4, 4 }, .run = {
        { CONV_PIXELS_4(CONV_TILE_NAME, 1, any, 0) },
        { CONV_PIXELS_4(CONV_TILE_NAME, 2, any, 0) },
        { CONV_PIXELS_4(CONV_TILE_NAME, 3, any, 0) },
        { CONV_PIXELS_4(CONV_TILE_NAME, 4, any, 0) },
    } },
    .products = { .filters = 2, .pixels = { 16, 12 }, .run = {
        { CONV_PIXELS_16(CONV_TILE_NAME, 1, products, 1) },
        { CONV_PIXELS_12(CONV_TILE_NAME, 2, products, 1) },
    } },
    .halved = { .filters = 3, .pixels = { 16, 8, 5 }, .run = {
        { NULL },
        { CONV_PIXELS_8(CONV_TILE_NAME, 2, halved, VF_LANES) },
        { CONV_PIXELS_5(CONV_TILE_NAME, 3, halved, VF_LANES) },
    } },
    .winograd_input = { winograd_input_unit, winograd_input_two, winograd_input_small, winograd_input_small_two },
    .winograd_output = { winograd_output_unit, winograd_output_two, winograd_output_small, winograd_output_small_two },
    .winograd_weights = winograd_weights,
    .line_input = { winograd_line_input_2, winograd_line_input_3, winograd_line_input_4 },
    .line_output = winograd_line_output,
    .phases_down = { phases_down_6, phases_down_7 },
    .phases_along = { phases_along_6, phases_along_7 },
    .phases_output = { winograd_output_unit, winograd_output_seven },
    .depthwise = { { DEPTHWISE_TO_4(3, 1), DEPTHWISE_TO_4(3, 2) },
                   { DEPTHWISE_TO_4(5, 1), DEPTHWISE_TO_4(5, 2) },
                   { DEPTHWISE_TO_3(7, 1), DEPTHWISE_TO_3(7, 2) } },
    .depthwise_any = depthwise_any,
};

void conv_fill_avx512(conv_kernels *kernels)
{
    kernels->units = &units;
}
