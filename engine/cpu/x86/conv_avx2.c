/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Convolution units, AVX2 + FMA: 8 lanes, 16 registers. Tiles of 12 accumulators; 2 filter blocks x 6 pixels reach
 * 95-99 % of peak, 4 x 3 would spill. */
#include "cpu/x86/math_avx2.h"

#include "cpu/conv.h"
#include "cpu/conv_tile_body.h"
#include "cpu/conv_depthwise_body.h"
#include "cpu/conv_winograd_body.h"
#include "cpu/conv_phases_body.h"

#define TILES(X, kind, step)                                                                                           \
    CONV_PIXELS_12(X, 1, kind, step)                                                                                   \
    CONV_PIXELS_6(X, 2, kind, step)                                                                                    \
    CONV_PIXELS_4(X, 3, kind, step)

TILES(CONV_TILE, unit, VF_LANES)
TILES(CONV_TILE, two, 2 * VF_LANES)
TILES(CONV_TILE, plain_two, 2)
CONV_PIXELS_12(CONV_PRODUCT_TILE, 1, products, 1)
CONV_PIXELS_6(CONV_PRODUCT_TILE, 2, products, 1)
CONV_PIXELS_4(CONV_TILE, 1, any, 0)
CONV_PIXELS_4(CONV_TILE, 2, any, 0)
CONV_PIXELS_4(CONV_TILE, 3, any, 0)

#define TILE_SET(kind, step)                                                                                           \
    {                                                                                                                  \
        .filters = 3, .pixels = { 12, 6, 4 }, .run = {                                                                 \
            { CONV_PIXELS_12(CONV_TILE_NAME, 1, kind, step) },                                                         \
            { CONV_PIXELS_6(CONV_TILE_NAME, 2, kind, step) },                                                          \
            { CONV_PIXELS_4(CONV_TILE_NAME, 3, kind, step) },                                                          \
        }                                                                                                              \
    }

static const conv_units units = {
    .lanes = VF_LANES,
    .direct_name = "conv_direct_f32_avx2",
    .strassen_name = "conv_strassen_f32_avx2",
    .taps_name = "conv_taps_f32_avx2",
    .plain_name = "conv_plain_f32_avx2",
    .winograd_name = { "conv_winograd43_f32_avx2", "conv_winograd42_f32_avx2", "conv_winograd23_f32_avx2",
                       "conv_winograd22_f32_avx2" },
    .line_name = { "conv_winograd43_line_f32_avx2", "conv_winograd45_line_f32_avx2",
                   "conv_winograd47_line_f32_avx2" },
    .phases_name = "conv_winograd44_f32_avx2",
    .depthwise_name = "conv_depthwise_f32_avx2",
    .unit = TILE_SET(unit, VF_LANES),
    .two = TILE_SET(two, 2 * VF_LANES),
    .plain_two = TILE_SET(plain_two, 2),
    .any = { .filters = 3, .pixels = { 4, 4, 4 }, .run = {
        { CONV_PIXELS_4(CONV_TILE_NAME, 1, any, 0) },
        { CONV_PIXELS_4(CONV_TILE_NAME, 2, any, 0) },
        { CONV_PIXELS_4(CONV_TILE_NAME, 3, any, 0) },
    } },
    .products = { .filters = 2, .pixels = { 12, 6 }, .run = {
        { CONV_PIXELS_12(CONV_TILE_NAME, 1, products, 1) },
        { CONV_PIXELS_6(CONV_TILE_NAME, 2, products, 1) },
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
                   { DEPTHWISE_TO_2(5, 1), DEPTHWISE_TO_4(5, 2) },
                   { DEPTHWISE_TO_2(7, 1), DEPTHWISE_TO_3(7, 2) } },
    .depthwise_any = depthwise_any,
};

void conv_fill_avx2(conv_kernels *kernels)
{
    kernels->units = &units;
}
