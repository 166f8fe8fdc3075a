/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Every row with random types, shapes, values and attributes, most of them senseless. Nothing may be read or written
 * out of bounds (run it under ASan and UBSan); and what a shape function says while dims and values are unknown must
 * agree with what it says once they are known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/types.h"
#include "ops/lanes.h"
#include "ops/params.h"
#include "ops/shape.h"
#include "own.h"

enum { MOST = 16, TRIES = 400 };

static const char *const int_names[] = { "axis",
                                         "group",
                                         "keepdims",
                                         "blocksize",
                                         "num_outputs",
                                         "to",
                                         "block_size",
                                         "num_groups",
                                         "k",
                                         "size",
                                         "batch_dims",
                                         "largest",
                                         "ceil_mode",
                                         "allowzero",
                                         "start",
                                         "end",
                                         "transA",
                                         "transB",
                                         "trans_b",
                                         "groups",
                                         "dtype",
                                         "fmod",
                                         "exclusive",
                                         "reverse",
                                         "upper",
                                         "antialias",
                                         "storage_order",
                                         "training_mode",
                                         "output_dtype",
                                         "noop_with_empty_axes",
                                         "count_include_pad",
                                         "exclude_outside",
                                         "align_corners",
                                         "opset",
                                         "output_height",
                                         "output_width",
                                         "sampling_ratio",
                                         "offset_group",
                                         "num_heads",
                                         "rotary_embedding_dim",
                                         "onesided",
                                         "inverse",
                                         "sorted",
                                         "time_axis",
                                         "batch_axis",
                                         "sample_size",
                                         "interleaved",
                                         "p" };
static const char *const list_names[] = { "kernel_shape",   "strides",      "pads", "dilations", "perm",
                                          "output_padding", "output_shape", "axes", "value_ints",
                                          "pooled_shape",   "shape" };
static const struct {
    const char *name, *values[7];
} string_names[] = {
    { "auto_pad", { "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", "", "NOTSET", "NOTSET" } },
    { "mode", { "constant", "reflect", "edge", "wrap", "linear", "cubic", "nearest" } },
    { "reduction", { "add", "mul", "max", "min", "none", "none", "other" } },
    { "coordinate_transformation_mode",
      { "asymmetric", "align_corners", "tf_crop_and_resize", "pytorch_half_pixel", "half_pixel", "half_pixel", "x" } },
    { "activation", { "none", "relu", "clip", "gelu", "Relu", "", "silu" } },
    { "padding_mode", { "zeros", "border", "reflection", "zeros", "border", "reflection", "x" } },
    { "keep_aspect_ratio_policy", { "stretch", "not_larger", "not_smaller", "stretch", "stretch", "stretch", "x" } },
};

static int64_t odd_int(void)
{
    static const int64_t extremes[] = { INT64_MIN, INT64_MAX, -1, 0, 1 << 20, INT64_C(1) << 31, INT32_MIN };
    return own_random() % 16 ? own_random_in(-3, 4) : extremes[own_random() % ARRAY_LENGTH(extremes)];
}

typedef struct attempt {
    const op_row *row;
    op_attribute attributes[8];
    int64_t lists[8][12];
    int attribute_count, input_count, output_count;
    onyx_tensor inputs[MOST];
    const onyx_tensor *list[MOST];
} attempt;

static void add_attributes(attempt *a)
{
    a->attribute_count = (int)own_random_in(0, 6);
    for (int i = 0; i < a->attribute_count; i++) {
        uint32_t kind = own_random() % 3;
        if (kind == 0) {
            a->attributes[i] = own_int(int_names[own_random() % ARRAY_LENGTH(int_names)], odd_int());
        } else if (kind == 1) {
            int count = (int)own_random_in(0, own_random() % 8 ? 4 : 12);
            for (int k = 0; k < count; k++)
                a->lists[i][k] = own_random() % 4 ? own_random_in(0, 2) : odd_int();
            a->attributes[i] = own_ints(list_names[own_random() % ARRAY_LENGTH(list_names)], a->lists[i], count);
        } else {
            size_t which = own_random() % ARRAY_LENGTH(string_names);
            a->attributes[i] = own_string(string_names[which].name, string_names[which].values[own_random() % 7]);
        }
    }
    /* Where the first kernel_shape is needed, the rest would not be reached without. */
    static const int64_t kernel[2] = { 2, 1 };
    if (a->attribute_count == 0 && own_random() % 2)
        a->attributes[a->attribute_count++] = own_ints("kernel_shape", kernel, 2);
}

static onyx_type random_type(uint64_t types)
{
    for (;;) {
        onyx_type type = (onyx_type)own_random_in(1, 26);
        if (type_in(type, types) && !type_in(type, TYPES_COMPLEX))
            return type;
    }
}

static onyx_tensor random_input(runner *r, const attempt *a, int index)
{
    static const onyx_type usual[] = { ONYX_TYPE_INT64, ONYX_TYPE_INT64, ONYX_TYPE_FLOAT32,
                                       ONYX_TYPE_INT32, ONYX_TYPE_UINT8, ONYX_TYPE_BOOL };
    int64_t dims[6];
    int rank = (int)own_random_in(0, own_random() % 8 ? 4 : 6);
    onyx_type type = index == 0 ? random_type(a->row->types) : a->inputs[0].type;
    if (index > 0 && own_random() % 2) /* indices, shapes, axes */
        type = usual[own_random() % ARRAY_LENGTH(usual)];
    if (index > 0 && own_random() % 3 == 0)
        rank = (int)own_random_in(0, 1);
    for (int i = 0; i < rank; i++)
        dims[i] = own_random_in(own_random() % 8 ? 1 : 0, 4);
    if (index > 0 && own_random() % 3 == 0) { /* shapes that may fit */
        rank = a->inputs[0].rank;
        memcpy(dims, a->inputs[0].dims, (size_t)rank * sizeof(*dims));
    }
    onyx_tensor t = own_tensor(r, type, rank, dims);
    size_t count = own_count(&t);
    for (size_t i = 0; i < count; i++) {
        if (type == ONYX_TYPE_STRING) {
            ((const char **)t.data)[i] = own_random() % 2 ? "3" : "x";
            continue;
        }
        int64_t n = odd_int();
        double x = (double)own_random_in(-40, 40) / 8;
        if (type_in(type, TYPES_INT))
            lanes_store(LANE_I64, &n, 1, type, t.data, i);
        else
            lanes_store(LANE_F64, &x, 1, type, t.data, i);
    }
    return t;
}

/* Shapes with only part of the knowledge; the same outcome must follow from all of it. */
static void check_partial(const attempt *a, const onyx_tensor *outputs, onyx_status full, runner *r)
{
    op_value inputs[MOST], found[MOST];
    const op_value *list[MOST];
    onyx_error error = { 0 };
    void *params = runner_alloc(r, a->row->params_size + 1);
    memset(params, 0, a->row->params_size + 1);
    op_parse_context parse = { .row = a->row,
                               .version = 28,
                               .attributes = { a->attributes, a->attribute_count },
                               .input_count = a->input_count,
                               .output_count = a->output_count,
                               .error = &error };
    if (a->row->parse && a->row->parse(&parse, params) != ONYX_OK)
        return;
    for (int i = 0; i < a->input_count; i++) {
        list[i] = a->list[i] ? &inputs[i] : NULL;
        if (!a->list[i])
            continue;
        inputs[i] = value_of_tensor(a->list[i]);
        inputs[i].constant = own_random() % 2 ? a->list[i] : NULL;
        for (int d = 0; d < inputs[i].rank && !inputs[i].constant; d++)
            inputs[i].dims[d] = own_random() % 2 ? inputs[i].dims[d] : -1;
        if (!inputs[i].constant && own_random() % 4 == 0)
            inputs[i].rank = -1;
    }
    for (int i = 0; i < a->output_count; i++)
        found[i] = (op_value){ .rank = -1 };
    op_shape_context shape = { .row = a->row,
                               .params = params,
                               .version = 28,
                               .input_count = a->input_count,
                               .output_count = a->output_count,
                               .inputs = list,
                               .outputs = found,
                               .error = &error };
    onyx_status status = a->row->shape(&shape);
    if (full != ONYX_OK)
        return;
    if (!own_check(status == ONYX_OK, "%s: refused with partial knowledge only: %s", a->row->name, error.message))
        return;
    for (int i = 0; i < a->output_count; i++) {
        bool same = found[i].rank < 0 || found[i].rank == outputs[i].rank;
        for (int d = 0; d < found[i].rank && same; d++)
            same = found[i].dims[d] < 0 || found[i].dims[d] == outputs[i].dims[d];
        same = same && (found[i].type == ONYX_TYPE_UNDEFINED || found[i].type == outputs[i].type);
        own_check(same, "%s: output %d: partial and full knowledge disagree", a->row->name, i);
    }
}

static bool one_attempt(const op_row *row)
{
    runner *r = runner_new(NULL);
    attempt a = { .row = row };
    onyx_tensor outputs[MOST] = { { 0 } };
    onyx_error error = { 0 };
    runner_limit(r, (size_t)1 << 26);
    a.input_count =
        (int)own_random_in(row->min_inputs, MIN(row->max_inputs, row->max_inputs == OP_ANY_COUNT ? 8 : MOST));
    a.output_count = (int)own_random_in(row->min_outputs, MIN(row->max_outputs, 3));
    add_attributes(&a);
    for (int i = 0; i < a.input_count; i++) {
        a.inputs[i] = random_input(r, &a, i);
        a.list[i] = i >= row->min_inputs && row->max_inputs != OP_ANY_COUNT && own_random() % 2 ? NULL : &a.inputs[i];
    }
    int version = row->last_version ? row->last_version : 28;
    onyx_status status = runner_node(r, row->domain, row->name, version, a.attributes, a.attribute_count, a.list,
                                     a.input_count, outputs, a.output_count, &error);
    own_check(status == ONYX_OK || error.message[0], "%s: failed without a message", row->name);
    if (!row->last_version)
        check_partial(&a, outputs, status, r);
    runner_free(r);
    return status == ONYX_OK;
}

int main(int argc, char **argv)
{
    int count, tries = argc > 1 ? atoi(argv[1]) : TRIES;
    const op_row *rows = op_rows(&count);
    own_seed(5);
    for (int i = 0; i < count; i++) {
        int done = 0;
        for (int k = 0; k < tries; k++)
            done += one_attempt(&rows[i]);
        if (argc > 1)
            printf("%-24s %5d of %d ran\n", rows[i].name, done, tries);
    }
    return own_done();
}
