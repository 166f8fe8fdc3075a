/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Convolution units in plain C: 8 lanes in two halves of 4, so small tiles. */
#include "cpu/simd_c.h"

#include "cpu/conv.h"
#include "cpu/conv_tile_body.h"
#include "cpu/conv_depthwise_body.h"
#include "cpu/conv_winograd_body.h"
#include "cpu/conv_phases_body.h"

CONV_PIXELS_4(CONV_TILE, 1, any, 0)

#define TILE_SET                                                                                                       \
    {                                                                                                                  \
        .filters = 1, .pixels = { 4 }, .run = {                                                                        \
            { CONV_PIXELS_4(CONV_TILE_NAME, 1, any, 0) },                                                              \
        }                                                                                                              \
    }

static const conv_units units = {
    .lanes = VF_LANES,
    .direct_name = "conv_direct_f32_c",
    .strassen_name = "conv_strassen_f32_c",
    .taps_name = "conv_taps_f32_c",
    .plain_name = "conv_plain_f32_c",
    .winograd_name = { "conv_winograd43_f32_c", "conv_winograd42_f32_c", "conv_winograd23_f32_c",
                       "conv_winograd22_f32_c" },
    .line_name = { "conv_winograd43_line_f32_c", "conv_winograd45_line_f32_c",
                   "conv_winograd47_line_f32_c" },
    .phases_name = "conv_winograd44_f32_c",
    .depthwise_name = "conv_depthwise_f32_c",
    .unit = TILE_SET,
    .two = TILE_SET,
    .plain_two = TILE_SET,
    .any = TILE_SET,
    .products = TILE_SET,
    .winograd_input = { winograd_input_unit, winograd_input_two, winograd_input_small, winograd_input_small_two },
    .winograd_output = { winograd_output_unit, winograd_output_two, winograd_output_small, winograd_output_small_two },
    .winograd_weights = winograd_weights,
    .line_input = { winograd_line_input_2, winograd_line_input_3, winograd_line_input_4 },
    .line_output = winograd_line_output,
    .phases_down = { phases_down_6, phases_down_7 },
    .phases_along = { phases_along_6, phases_along_7 },
    .phases_output = { winograd_output_unit, winograd_output_seven },
    .depthwise = { { DEPTHWISE_TO_1(3, 1), DEPTHWISE_TO_1(3, 2) },
                   { DEPTHWISE_TO_1(5, 1), DEPTHWISE_TO_1(5, 2) },
                   { DEPTHWISE_TO_1(7, 1), DEPTHWISE_TO_1(7, 2) } },
    .depthwise_any = depthwise_any,
};

void conv_fill_c(conv_kernels *kernels)
{
    kernels->units = &units;
}
