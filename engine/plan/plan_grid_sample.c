/* SPDX-License-Identifier: BSD-2-Clause
 *
 * GridSample of images, between four elements (deformable attention, warping): where a few points read, and with which
 * weights, is found once for all channels. */
#include "plan/planner.h"

#include <limits.h>

#include "ops/params.h"

enum { POINTS = 256, TAPS = 4 };

typedef struct grid_step {
    op_grid_padding padding;
    bool align_corners;
    int h, w;
    size_t channels, points, parts; /* points and parts of an image */
} grid_step;

/* What some points read: elements of a plane and their weights. */
typedef struct grid_taps {
    int32_t at[TAPS][POINTS];
    float weight[TAPS][POINTS];
    int outside[POINTS], outside_count; /* points that read nothing */
} grid_taps;

/* Two elements of an axis of n, and their weights; where one is outside, the other twice, each half. False: both are.
 */
static bool axis_taps(const grid_step *s, float coordinate, int n, int32_t at[2], float weight[2])
{
    const double last = n - 1;
    double x = s->align_corners ? ((double)coordinate + 1) / 2 * last : (((double)coordinate + 1) * n - 1) / 2;
    if (s->padding == OP_GRID_BORDER)
        x = x < 0 ? 0 : x > last ? last : x;
    if (!(x > -1 && x < n))
        return false;
    const int first = (int)(x + 1) - 1;
    const float t = (float)(x - first);
    at[0] = MAX(first, 0);
    at[1] = MIN(first + 1, n - 1);
    weight[0] = first < 0 ? t / 2 : first + 1 < n ? 1 - t : (1 - t) / 2;
    weight[1] = first >= 0 && first + 1 < n ? t : weight[0];
    return true;
}

static void find_taps(const grid_step *s, const float *grid, size_t count, grid_taps *taps)
{
    taps->outside_count = 0;
    for (size_t p = 0; p < count; p++, grid += 2) {
        int32_t columns[2] = { 0 }, rows[2] = { 0 };
        float of_columns[2] = { 0 }, of_rows[2] = { 0 };
        if (!axis_taps(s, grid[0], s->w, columns, of_columns) || !axis_taps(s, grid[1], s->h, rows, of_rows))
            taps->outside[taps->outside_count++] = (int)p;
        for (int k = 0; k < TAPS; k++) {
            taps->at[k][p] = rows[k / 2] * s->w + columns[k % 2];
            taps->weight[k][p] = of_rows[k / 2] * of_columns[k % 2];
        }
    }
}

static void sample(const grid_taps *taps, size_t count, const float *src, float *dst)
{
    for (size_t p = 0; p < count; p++)
        dst[p] = taps->weight[0][p] * src[taps->at[0][p]] + taps->weight[1][p] * src[taps->at[1][p]] +
                 (taps->weight[2][p] * src[taps->at[2][p]] + taps->weight[3][p] * src[taps->at[3][p]]);
    for (int i = 0; i < taps->outside_count; i++)
        dst[taps->outside[i]] = 0;
}

static void run_grid_sample(const step_context *context, int part)
{
    const program_step *step = context->step;
    const grid_step *s = step->params;
    const size_t image = (size_t)part / s->parts, first = (size_t)part % s->parts * POINTS;
    const size_t count = MIN((size_t)POINTS, s->points - first), plane = (size_t)s->h * (size_t)s->w;
    const float *src = (const float *)context->tensors[step->inputs[0]].data + image * s->channels * plane;
    const float *grid = context->tensors[step->inputs[1]].data;
    float *dst = (float *)context->tensors[step->outputs[0]].data + image * s->channels * s->points + first;
    grid_taps taps;
    find_taps(s, grid + 2 * (image * s->points + first), count, &taps);
    for (size_t c = 0; c < s->channels; c++)
        sample(&taps, count, src + c * plane, dst + c * s->points);
}

plan_result plan_grid_sample(planner *p, graph_node *node)
{
    const grid_sample_params *params = node->params;
    const op_value *x = &node->inputs[0]->info, *y = &node->outputs[0]->info;
    if (x->rank != 4 || x->type != ONYX_TYPE_FLOAT32 || node->inputs[1]->info.type != ONYX_TYPE_FLOAT32 ||
        params->mode != OP_GRID_LINEAR || params->padding == OP_GRID_REFLECTION ||
        graph_element_count(node->outputs[0]) < 1 || x->dims[2] > INT32_MAX / x->dims[3])
        return PLAN_PASS;
    grid_step s = { .padding = params->padding,
                    .align_corners = params->align_corners,
                    .h = (int)x->dims[2],
                    .w = (int)x->dims[3],
                    .channels = (size_t)x->dims[1],
                    .points = (size_t)(y->dims[2] * y->dims[3]) };
    s.parts = (s.points + POINTS - 1) / POINTS;
    if (s.parts > (size_t)INT_MAX / (size_t)x->dims[0])
        return PLAN_PASS;
    const int inputs[2] = { plan_plain(p, node->inputs[0]), plan_plain(p, node->inputs[1]) };
    if (inputs[0] < 0 || inputs[1] < 0)
        return PLAN_FAILED;
    const int output = plan_new_plain(p, node->outputs[0]);
    return plan_add_step(p, node, "grid_sample", run_grid_sample, (int)(s.parts * (size_t)x->dims[0]), 0, inputs, 2,
                         &output, 1, &s, sizeof(s))
               ? PLAN_DONE
               : PLAN_FAILED;
}
