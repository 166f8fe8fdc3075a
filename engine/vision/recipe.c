/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Recipes: what a model's metadata and shapes say about feeding and reading it. Metadata wins over shapes; a name of a
 * file never counts. */
#include "vision/vision.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/size.h"
#include "base/status.h"
#include "vision/heads.h"
#include "vision/labels.h"
#include "vision/literal.h"

enum { MOST_LABELS = 100000, MOST_KEYPOINTS = 1000, DEFAULT_SIZE = 640 };

/* The public struct comes first: a pointer to it is a pointer to the whole. */
typedef struct recipe {
    vision_recipe public_;
    atomic_int references;
    arena *memory;
    const char **labels;
    int label_capacity;
    bool scales_pixels; /* the graph does, itself */
    char origin[128];
} recipe;

static recipe *recipe_alloc(void)
{
    arena *memory = arena_new((size_t)64 << 20);
    recipe *r = memory ? arena_alloc(memory, sizeof *r) : NULL;
    if (!r) {
        arena_free(memory);
        return NULL;
    }
    r->memory = memory;
    atomic_init(&r->references, 1);
    return r;
}

vision_recipe *vision_recipe_ref(const vision_recipe *public_)
{
    recipe *r = (recipe *)(uintptr_t)public_; /* only the count is changed */
    atomic_fetch_add_explicit(&r->references, 1, memory_order_relaxed);
    return &r->public_;
}

void vision_recipe_unref(const vision_recipe *public_)
{
    recipe *r = (recipe *)(uintptr_t)public_;
    if (r && atomic_fetch_sub_explicit(&r->references, 1, memory_order_acq_rel) == 1)
        arena_free(r->memory);
}

const char *vision_task_name(vision_task task)
{
    static const char *const names[] = { "unknown", "detect", "segment", "pose", "obb", "classify" };
    return (unsigned)task < ARRAY_LENGTH(names) ? names[task] : names[0];
}

const char *vision_recipe_family(const vision_recipe *r)
{
    return r && r->head ? r->head->name : NULL;
}

const char *vision_recipe_label(const vision_recipe *r, int label_id)
{
    return r && label_id >= 0 && label_id < r->label_count ? r->labels[label_id] : NULL;
}

/* --------------------------------------------------------------------------------------------------------- labels */

static bool set_label(void *context, int id, const char *text, size_t length)
{
    recipe *r = context;
    if (id < 0 || id >= MOST_LABELS)
        return false;
    if (id >= r->label_capacity) {
        int capacity = MAX(id + 1, MIN(r->label_capacity * 2 + 64, MOST_LABELS));
        const char **labels = arena_alloc(r->memory, (size_t)capacity * sizeof *labels);
        if (!labels)
            return false;
        if (r->labels)
            memcpy(labels, r->labels, (size_t)r->label_capacity * sizeof *labels);
        r->labels = labels;
        r->label_capacity = capacity;
    }
    char *copy = arena_string(r->memory, text, length);
    if (!copy)
        return false;
    r->labels[id] = copy;
    r->public_.labels = r->labels;
    r->public_.label_count = MAX(r->public_.label_count, id + 1);
    return true;
}

static void clear_labels(recipe *r)
{
    r->labels = NULL;
    r->label_capacity = 0;
    r->public_.labels = NULL;
    r->public_.label_count = 0;
}

/* ------------------------------------------------------------------------------------------------------- metadata */

static const char *find(const vision_model_info *info, const char *key)
{
    for (int i = 0; i < info->metadata_count; i++)
        if (info->metadata[i].key && info->metadata[i].value && !strcmp(info->metadata[i].key, key))
            return info->metadata[i].value;
    return NULL;
}

static vision_task task_of(const char *text)
{
    for (int task = VISION_TASK_DETECT; text && task <= VISION_TASK_CLASSIFY; task++)
        if (!strcmp(text, vision_task_name((vision_task)task)))
            return (vision_task)task;
    return VISION_TASK_UNKNOWN;
}

static void read_names(recipe *r, const vision_model_info *info)
{
    static const char *const keys[] = { "names", "labels", "classes", "class_names", "class_labels" };
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        const char *text = find(info, keys[i]);
        if (text && literal_names(text, set_label, r)) {
            r->public_.classes = r->public_.label_count;
            return;
        }
        clear_labels(r); /* a torn list is worse than none */
    }
}

static void read_metadata(recipe *r, const vision_model_info *info)
{
    vision_recipe *p = &r->public_;
    int numbers[3];
    const char *text;
    p->task = task_of(find(info, "task"));
    p->stride = 32;
    if ((text = find(info, "stride")) && literal_ints(text, numbers, 3) >= 1 && numbers[0] > 0 && numbers[0] <= 1024)
        p->stride = numbers[0];
    if ((text = find(info, "kpt_shape")) && literal_ints(text, numbers, 2) == 2 && numbers[0] > 0 &&
        numbers[0] <= MOST_KEYPOINTS && (numbers[1] == 2 || numbers[1] == 3)) {
        p->keypoints = numbers[0];
        p->keypoint_dims = numbers[1];
    }
    if (p->task == VISION_TASK_POSE && !p->keypoints) {
        p->keypoints = 17;
        p->keypoint_dims = 3;
    }
    p->end_to_end = ((text = find(info, "end2end")) && literal_true(text)) ||
                    ((text = find(info, "args")) && literal_flag(text, "nms"));
    const char *head = find(info, "head"), *description = find(info, "description");
    p->transformer = (head && strstr(head, "RTDETR")) ||
                     (description && (strstr(description, "rtdetr") || strstr(description, "RT-DETR")));
    if ((text = find(info, "imgsz"))) {
        int count = literal_ints(text, numbers, 2);
        if (count && numbers[0] > 0 && numbers[count - 1] > 0 && numbers[0] <= 1 << 16 &&
            numbers[count - 1] <= 1 << 16) {
            p->input_height = numbers[0];
            p->input_width = numbers[count - 1];
        }
    }
    read_names(r, info);
    p->from_metadata = p->task != VISION_TASK_UNKNOWN || p->label_count > 0;
    if (p->from_metadata) {
        const char *what = find(info, "description"), *version = find(info, "version");
        snprintf(r->origin, sizeof r->origin, "%.80s%s%.30s", what ? what : "names", version ? " " : "",
                 version ? version : "");
    }
}

/* ----------------------------------------------------------------------------------------------------- input shape */

static bool is_channels(int64_t dim)
{
    return dim == 3 || dim == 1;
}

static const onyx_value_info *image_input(const vision_model_info *info)
{
    return info->input_count > 0 && info->inputs[0].rank == 4 ? &info->inputs[0] : NULL;
}

static void read_input(vision_recipe *p, const vision_model_info *info)
{
    const onyx_value_info *input = image_input(info);
    int64_t height = -1, width = -1;
    p->input_type = info->inputs[0].type;
    if (input) {
        const int64_t *d = input->dims;
        if (is_channels(d[3]) && !is_channels(d[1]))
            p->layout = VISION_NHWC;
        bool last = p->layout == VISION_NHWC;
        int64_t channels = last ? d[3] : d[1];
        height = last ? d[1] : d[2];
        width = last ? d[2] : d[3];
        p->channels = is_channels(channels) ? (int)channels : channels == -1 ? 3 : 0;
        p->batch_free = d[0] == -1;
    }
    p->height_free = height < 1 || height > 1 << 24;
    p->width_free = width < 1 || width > 1 << 24;
    if (!p->height_free)
        p->input_height = (int)height;
    else if (!p->input_height)
        p->input_height = DEFAULT_SIZE;
    if (!p->width_free)
        p->input_width = (int)width;
    else if (!p->input_width)
        p->input_width = DEFAULT_SIZE;
}

/* ------------------------------------------------------------------------------------------------------------ head */

static void recognise(recipe *r, const vision_model_info *info)
{
    vision_recipe *p = &r->public_;
    head_tensor views[HEAD_TENSORS];
    int count = MIN(info->output_count, HEAD_TENSORS);
    for (int i = 0; i < count; i++)
        head_tensor_of(info->outputs[i].name, info->outputs[i].type, MAX(info->outputs[i].rank, 0),
                       info->outputs[i].dims, &views[i]);
    head_input input = { views, count, p->input_width, p->input_height, p };
    head_match match;
    if (p->task == VISION_TASK_CLASSIFY || !head_find(&input, &match))
        return;
    p->head = match.head;
    p->task = match.task;
    if (match.classes > 0)
        p->classes = match.classes;
    if (match.keypoints) {
        p->keypoints = match.keypoints;
        p->keypoint_dims = match.keypoint_dims;
    }
}

static void choose_preprocess(recipe *r)
{
    vision_recipe *p = &r->public_;
    const onyx_preprocess plain = {
        .scaling = ONYX_SCALING_LETTERBOX, .channels = 3, .scale = { 1 / 255.0, 1 / 255.0, 1 / 255.0 }, .pad = 114
    };
    p->preprocess = p->head ? p->head->preprocess : plain;
    /* Ultralytics feeds all its models alike, whatever the outputs look like; its classifiers see a crop that has no
     * padding, which stretching comes closest to. */
    if (p->from_metadata && p->task != VISION_TASK_UNKNOWN)
        p->preprocess = plain;
    if (p->task == VISION_TASK_CLASSIFY || (p->head && !strcmp(p->head->name, "rt-detr")))
        p->preprocess.scaling = ONYX_SCALING_STRETCH;
    p->preprocess.channels = p->channels ? p->channels : 3;
    if (p->channels == 1)
        p->preprocess.bgr = false;
    if (r->scales_pixels)
        for (int c = 0; c < 3; c++) {
            p->preprocess.mean[c] = 0;
            p->preprocess.scale[c] = 1;
        }
}

/* Names for models that carry none: COCO's 80, which nearly all of them were trained on, and faces. */
static const char *assume_labels(recipe *r)
{
    const vision_recipe *p = &r->public_;
    if (!p->head || p->label_count)
        return "";
    if (p->classes == 80) {
        for (int i = 0; i < 80; i++)
            set_label(r, i, vision_coco_labels[i], strlen(vision_coco_labels[i]));
        return " (names: COCO's assumed)";
    }
    if (!strcmp(p->head->name, "yunet"))
        set_label(r, 0, "face", 4);
    if (!strcmp(p->head->name, "ultraface") && set_label(r, 0, "background", 10))
        set_label(r, 1, "face", 4);
    return "";
}

static const char *describe_values(const recipe *r)
{
    const onyx_preprocess *p = &r->public_.preprocess;
    if (r->scales_pixels)
        return "0..255 (the graph scales them)";
    bool plain = p->mean[0] == 0;
    return plain && p->scale[0] == 1 ? "0..255" : plain && p->scale[0] < 0.005 ? "0..1" : "standardised";
}

static bool describe(recipe *r, const char *labels)
{
    static const char *const scalings[] = { "auto", "letterbox", "letterbox-top-left", "stretch" };
    vision_recipe *p = &r->public_;
    const char *channels = p->preprocess.channels == 1 ? "grey" : p->preprocess.bgr ? "BGR" : "RGB";
    char classes[40] = "", points[40] = "";
    if (p->classes)
        snprintf(classes, sizeof classes, ", %d class%s", p->classes, p->classes == 1 ? "" : "es");
    if (p->keypoints)
        snprintf(points, sizeof points, ", %d keypoints", p->keypoints);
    const char *free_size = p->width_free || p->height_free ? " (free)" : "";
    const char *source = p->from_metadata ? r->origin
                         : p->head        ? "from the shapes"
                                          : "nothing recognised, plain defaults";
    p->description = arena_printf(r->memory, "%s%s%s%s%s%s; input %s %s %s %dx%d%s %s %s; %s%s",
                                  p->head ? p->head->name : "no known head", p->task ? " " : "",
                                  p->task ? vision_task_name(p->task) : "", classes, labels, points, channels,
                                  describe_values(r), scalings[p->preprocess.scaling], p->input_width,
                                  p->input_height, free_size, p->layout == VISION_NHWC ? "NHWC" : "NCHW",
                                  onyx_type_name(p->input_type), p->from_metadata ? "from metadata: " : "", source);
    return p->description != NULL;
}

onyx_status vision_recipe_new(const vision_model_info *info, vision_recipe **result, onyx_error *error)
{
    if (!info || info->input_count < 1 || !info->inputs)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "a model without an input has no recipe");
    recipe *r = recipe_alloc();
    if (!r)
        return status_no_memory(error, sizeof *r, "a recipe");
    read_metadata(r, info);
    read_input(&r->public_, info);
    recognise(r, info);
    r->scales_pixels = info->scales_pixels;
    choose_preprocess(r);
    const char *labels = assume_labels(r);
    if (!describe(r, labels)) {
        vision_recipe_unref(&r->public_);
        return status_no_memory(error, 1024, "a recipe");
    }
    *result = &r->public_;
    return ONYX_OK;
}

static bool add_lines(recipe *r, const char *text, size_t length)
{
    int id = 0;
    while (length) {
        const char *end = memchr(text, '\n', length);
        size_t line = end ? (size_t)(end - text) : length, used = end ? line + 1 : line;
        while (line && (text[line - 1] == '\r' || text[line - 1] == ' '))
            line--;
        /* An empty line keeps its number, but has no name. */
        if (line && !set_label(r, id, text, MIN(line, 255)))
            return false;
        id++;
        text += used;
        length -= used;
    }
    return true;
}

onyx_status vision_recipe_with_labels(const vision_recipe *old, const char *text, size_t length, vision_recipe **result,
                                      onyx_error *error)
{
    recipe *r = recipe_alloc();
    if (!r)
        return status_no_memory(error, sizeof *r, "a recipe");
    if (old) {
        r->public_ = *old;
    } else {
        r->public_.channels = 3;
        r->public_.stride = 32;
        r->public_.input_width = r->public_.input_height = DEFAULT_SIZE;
        r->public_.width_free = r->public_.height_free = true;
    }
    clear_labels(r);
    r->public_.description = arena_printf(r->memory, "%s", old ? old->description : "labels only");
    if (!r->public_.description || !add_lines(r, text, length)) {
        vision_recipe_unref(&r->public_);
        return status_fail(error, ONYX_ERROR_LIMIT, "the labels do not fit: at most %d lines are understood",
                           MOST_LABELS);
    }
    *result = &r->public_;
    return ONYX_OK;
}

onyx_status vision_recipe_input_shape(const vision_recipe *p, onyx_tensor *shape, onyx_error *error)
{
    if (!p->channels)
        return status_fail(error, ONYX_ERROR_UNSUPPORTED, "the model's first input is no picture (%s)", p->description);
    bool last = p->layout == VISION_NHWC;
    *shape =
        (onyx_tensor){ .type = p->input_type, .rank = 4, .dims = { 1, p->channels, p->input_height, p->input_width } };
    if (last) {
        shape->dims[1] = p->input_height;
        shape->dims[2] = p->input_width;
        shape->dims[3] = p->channels;
    }
    return ONYX_OK;
}
