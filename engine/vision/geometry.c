/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Where a picture comes to lie in a network's input. */
#include "vision/vision.h"

#include <math.h>

#include "base/size.h"
#include "base/status.h"

/* Half to even, as Python's round does: the reference implementations of letterbox are written in it. */
static int round_even(double value)
{
    double low = floor(value), rest = value - low;
    if (rest > 0.5 || (rest == 0.5 && fmod(low, 2) != 0))
        low += 1;
    return (int)low;
}

/* The content's size in the input where shapes are kept. `aspect`: how wide a pixel is for its height. */
static void fit(const vision_region *region, double aspect, int input_width, int input_height, int *width, int *height)
{
    double shown_width = region->width * aspect;
    double ratio_x = input_width / shown_width, ratio_y = (double)input_height / region->height;
    double ratio = MIN(ratio_x, ratio_y);
    *width = MIN(MAX(round_even(shown_width * ratio), 1), input_width);
    *height = MIN(MAX(round_even(region->height * ratio), 1), input_height);
}

onyx_status vision_geometry(const onyx_image *picture, const vision_region *region, onyx_scaling scaling,
                            int input_width, int input_height, onyx_geometry *geometry, onyx_error *error)
{
    int picture_width = picture->width, picture_height = picture->height;
    int aspect_x = picture->pixel_aspect_x, aspect_y = picture->pixel_aspect_y;
    const int largest = 1 << 24; /* every coordinate is exact in a float */
    if (picture_width < 1 || picture_height < 1 || picture_width > largest || picture_height > largest)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "a picture of %d x %d pixels cannot be used", picture_width,
                           picture_height);
    if (input_width < 1 || input_height < 1 || input_width > largest || input_height > largest)
        return status_fail(error, ONYX_ERROR_SHAPE, "a network input of %d x %d pixels cannot be used", input_width,
                           input_height);
    if (aspect_x == 0 && aspect_y == 0)
        aspect_x = aspect_y = 1;
    if (aspect_x < 1 || aspect_y < 1)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "a pixel aspect ratio of %d:%d cannot be used", aspect_x,
                           aspect_y);
    vision_region whole = { 0, 0, picture_width, picture_height };
    if (!region)
        region = &whole;
    if (region->x < 0 || region->y < 0 || region->width < 1 || region->height < 1 ||
        region->width > picture_width - region->x || region->height > picture_height - region->y)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "region %d,%d %dx%d does not lie in the picture of %d x %d",
                           region->x, region->y, region->width, region->height, picture_width, picture_height);
    int width = input_width, height = input_height, left = 0, top = 0;
    if (scaling != ONYX_SCALING_STRETCH) {
        fit(region, (double)aspect_x / aspect_y, input_width, input_height, &width, &height);
        if (scaling != ONYX_SCALING_LETTERBOX_TOP_LEFT) {
            left = (input_width - width) / 2;
            top = (input_height - height) / 2;
        }
    }
    onyx_geometry g = { 0 };
    double scale_x = (double)width / region->width, scale_y = (double)height / region->height;
    g.scale_x = (float)scale_x;
    g.scale_y = (float)scale_y;
    g.offset_x = (float)(left - scale_x * region->x);
    g.offset_y = (float)(top - scale_y * region->y);
    g.picture_width = picture_width;
    g.picture_height = picture_height;
    g.input_width = input_width;
    g.input_height = input_height;
    g.content_x = left;
    g.content_y = top;
    g.content_width = width;
    g.content_height = height;
    *geometry = g;
    return ONYX_OK;
}
