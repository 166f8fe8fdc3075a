/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Recipes: literals in metadata, what is recognised from which metadata and shapes (fixed and free), labels. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "vision/literal.h"
#include "vision/vision.h"

/* ------------------------------------------------------------------------------------------------------- literals */

typedef struct names {
    int count, last_id;
    char text[8][256];
} names;

static bool take(void *context, int id, const char *text, size_t length)
{
    names *n = context;
    if (n->count == 8)
        return false;
    memcpy(n->text[n->count], text, length);
    n->text[n->count++][length] = 0;
    n->last_id = id;
    return true;
}

static void test_literals(void)
{
    static const struct {
        const char *text;
        int count, last_id;
        const char *last;
    } good[] = {
        { "{0: 'person', 1: 'bicycle'}", 2, 1, "bicycle" },
        { "['a', 'b', \"it's\"]", 3, 2, "it's" },
        { "{\"0\": \"caf\\u00e9\", \"7\": \"x\\\"y\"}", 2, 7, "x\"y" },
        { " [ 'one' , ] ", 1, 0, "one" },
        { "{3: 'it\\'s a \\\\ slash'}", 1, 3, "it's a \\ slash" },
        { "('t', 'u')", 2, 1, "u" },
        { "{0: '\\u20ac \\ud83d\\ude00'}", 1, 0, "\xe2\x82\xac \xf0\x9f\x98\x80" },
        { "{0: 'caf\xc3\xa9'}", 1, 0, "caf\xc3\xa9" },
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        names n = { 0 };
        bool ok = literal_names(good[i].text, take, &n);
        CHECK(ok && n.count == good[i].count && n.last_id == good[i].last_id &&
                  !strcmp(n.text[n.count - 1], good[i].last),
              "%s: %d names, the last '%s'", good[i].text, n.count, n.count ? n.text[n.count - 1] : "");
    }
    static const char *const bad[] = { "",
                                       "{",
                                       "[",
                                       "{0: 'a'",
                                       "['a",
                                       "{0 'a'}",
                                       "{-1: 'a'}",
                                       "{x: 'a'}",
                                       "[1, 2]",
                                       "{}",
                                       "{0: 'a' 1: 'b'}",
                                       "{999999999: 'a'}",
                                       "['\\q']",
                                       "['\\u12']",
                                       "None",
                                       "['a'" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        names n = { 0 };
        CHECK(!literal_names(bad[i], take, &n), "'%s' must be refused", bad[i]);
    }
    int v[3];
    CHECK(literal_ints("[640, 480]", v, 3) == 2 && v[0] == 640 && v[1] == 480, "list of ints");
    CHECK(literal_ints("(17, 3)", v, 3) == 2 && v[1] == 3 && literal_ints("32", v, 3) == 1 && v[0] == 32,
          "tuple, number");
    CHECK(literal_ints("32.0", v, 3) == 1 && v[0] == 32, "a whole float");
    CHECK(!literal_ints("[640", v, 3) && !literal_ints("x", v, 3) && !literal_ints("99999999999", v, 3), "bad ints");
    CHECK(literal_true("True") && literal_true("true") && !literal_true("False") && !literal_true("Truer"), "flags");
    const char *args = "{'batch': 1, 'data': 'nms', 'nms': True, 'half': False}";
    CHECK(literal_flag(args, "nms") && !literal_flag(args, "half") && !literal_flag(args, "batch_") &&
              !literal_flag("{", "x"),
          "flags of a dict");
}

/* -------------------------------------------------------------------------------------------------------- recipes */

typedef struct dims {
    int rank;
    int64_t dims[5];
} dims;

typedef struct expectation {
    const char *what;
    dims input, outputs[12];
    const char *names[3];     /* of outputs */
    const char *metadata[12]; /* key, value, ... */
    const char *family;       /* NULL: none */
    onyx_scaling scaling;
    bool bgr;
    double scale, mean; /* of channel 0 */
    vision_task task;
    int classes;
} expectation;

#define NAMES2 "names", "{0: 'cat', 1: 'dog'}"
#define ULTRALYTICS(task_) "description", "Ultralytics model", "task", task_, "stride", "32", NAMES2
#define UNIT (1 / 255.0)
#define ULTRALYTICS_INPUT ONYX_SCALING_LETTERBOX, false, UNIT, 0

/* clang-format off */
static const expectation expectations[] = {
    { "v8 metadata", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 6, 8400 } } }, { 0 }, { ULTRALYTICS("detect") }, "yolov8",
      ULTRALYTICS_INPUT, VISION_TASK_DETECT, 2 },
    { "v8 all free", { 4, { -1, 3, -1, -1 } }, { { 3, { -1, 6, -1 } } }, { 0 }, { ULTRALYTICS("detect"), "imgsz", "[320, 480]" },
      "yolov8", ULTRALYTICS_INPUT, VISION_TASK_DETECT, 2 },
    { "v8 NHWC input", { 4, { 1, 640, 640, 3 } }, { { 3, { 1, 6, 8400 } } }, { 0 }, { 0 }, "yolov8", ULTRALYTICS_INPUT, VISION_TASK_DETECT, 2 },
    { "v8 odd size", { 4, { 1, 3, 384, 640 } }, { { 3, { 1, 84, 5040 } } }, { 0 }, { 0 }, "yolov8", ULTRALYTICS_INPUT, VISION_TASK_DETECT, 80 },
    { "v8-p6", { 4, { 1, 3, 1280, 1280 } }, { { 3, { 1, 84, 34000 } } }, { 0 }, { 0 }, "yolov8", ULTRALYTICS_INPUT, VISION_TASK_DETECT, 80 },
    { "v8-seg", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 38, 8400 } }, { 4, { 1, 32, 160, 160 } } }, { 0 },
      { ULTRALYTICS("segment") }, "yolov8", ULTRALYTICS_INPUT, VISION_TASK_SEGMENT, 2 },
    { "v8-seg, no metadata", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 116, 8400 } }, { 4, { 1, 32, 160, 160 } } }, { 0 }, { 0 },
      "yolov8", ULTRALYTICS_INPUT, VISION_TASK_SEGMENT, 80 },
    { "v8-pose", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 56, 8400 } } }, { 0 },
      { "task", "pose", "kpt_shape", "[17, 3]", "names", "{0: 'person'}" }, "yolov8", ULTRALYTICS_INPUT,
      VISION_TASK_POSE, 1 },
    { "v8-obb", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 7, 8400 } } }, { 0 }, { ULTRALYTICS("obb") }, "yolov8",
      ULTRALYTICS_INPUT, VISION_TASK_OBB, 2 },
    { "classifier", { 4, { 1, 3, 224, 224 } }, { { 2, { 1, 2 } } }, { 0 }, { ULTRALYTICS("classify") }, NULL,
      ONYX_SCALING_STRETCH, false, UNIT, 0, VISION_TASK_CLASSIFY, 2 },
    { "v10", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 300, 6 } } }, { 0 }, { ULTRALYTICS("detect"), "end2end", "True" },
      "end-to-end", ULTRALYTICS_INPUT, VISION_TASK_DETECT, 2 },
    { "v10, no metadata", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 300, 6 } } }, { 0 }, { 0 }, "end-to-end",
      ULTRALYTICS_INPUT, VISION_TASK_DETECT, 0 },
    { "nms=True seg", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 300, 38 } }, { 4, { 1, 32, 160, 160 } } }, { 0 },
      { ULTRALYTICS("segment"), "args", "{'nms': True}" }, "end-to-end", ULTRALYTICS_INPUT,
      VISION_TASK_SEGMENT, 2 },
    { "nms=True pose", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 300, 57 } } }, { 0 },
      { "task", "pose", "kpt_shape", "[17, 3]", "names", "{0: 'person'}", "args", "{'nms': True}" }, "end-to-end",
      ULTRALYTICS_INPUT, VISION_TASK_POSE, 1 },
    { "nms=True obb", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 300, 7 } } }, { 0 }, { ULTRALYTICS("obb"), "args", "{'nms': True}" },
      "end-to-end", ULTRALYTICS_INPUT, VISION_TASK_OBB, 2 },
    { "26 without end2end", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 6, 8400 } } }, { 0 },
      { ULTRALYTICS("detect"), "end2end", "False" }, "yolov8", ULTRALYTICS_INPUT, VISION_TASK_DETECT, 2 },
    { "v5", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 25200, 7 } } }, { 0 }, { "stride", "32", "names", "['cat', 'dog']" },
      "yolov5", ULTRALYTICS_INPUT, VISION_TASK_DETECT, 2 },
    { "v5 free", { 4, { -1, 3, -1, -1 } }, { { 3, { -1, -1, 7 } } }, { 0 }, { "stride", "32", "names", "['cat', 'dog']" },
      "yolov5", ULTRALYTICS_INPUT, VISION_TASK_DETECT, 2 },
    { "v5 with raw maps", { 4, { 1, 3, 640, 640 } },
      { { 3, { 1, 25200, 85 } }, { 5, { 1, 3, 80, 80, 85 } }, { 5, { 1, 3, 40, 40, 85 } }, { 5, { 1, 3, 20, 20, 85 } } }, { 0 },
      { 0 }, "yolov5", ULTRALYTICS_INPUT, VISION_TASK_DETECT, 80 },
    { "v5-seg", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 25200, 39 } }, { 4, { 1, 32, 160, 160 } } }, { 0 },
      { "stride", "32", "names", "['cat', 'dog']" }, "yolov5", ULTRALYTICS_INPUT, VISION_TASK_SEGMENT, 2 },
    { "yolox", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 8400, 85 } } }, { "output" }, { 0 }, "yolox",
      ONYX_SCALING_LETTERBOX_TOP_LEFT, true, 1, 0, VISION_TASK_DETECT, 80 },
    { "yolox own classes", { 4, { 1, 3, 416, 416 } }, { { 3, { 1, 3549, 12 } } }, { "output" }, { 0 }, "yolox",
      ONYX_SCALING_LETTERBOX_TOP_LEFT, true, 1, 0, VISION_TASK_DETECT, 7 },
    { "yolox free batch", { 4, { -1, 3, 416, 416 } }, { { 3, { -1, 3549, 85 } } }, { "output" }, { 0 }, "yolox",
      ONYX_SCALING_LETTERBOX_TOP_LEFT, true, 1, 0, VISION_TASK_DETECT, 80 },
    { "yolov6", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 8400, 85 } } }, { "outputs" }, { 0 }, "yolov6", ULTRALYTICS_INPUT, VISION_TASK_DETECT, 80 },
    { "nanodet", { 4, { 1, 3, 320, 320 } },
      { { 2, { 1600, 80 } }, { 2, { 400, 80 } }, { 2, { 100, 80 } }, { 2, { 1600, 32 } }, { 2, { 400, 32 } }, { 2, { 100, 32 } } },
      { 0 }, { 0 }, "nanodet", ONYX_SCALING_LETTERBOX, true, 1 / 57.375, 103.53 / 57.375, VISION_TASK_DETECT, 80 },
    { "picodet", { 4, { 1, 3, 320, 320 } },
      { { 3, { 1, 1600, 80 } }, { 3, { 1, 400, 80 } }, { 3, { 1, 100, 80 } }, { 3, { 1, 25, 80 } },
        { 3, { 1, 1600, 32 } }, { 3, { 1, 400, 32 } }, { 3, { 1, 100, 32 } }, { 3, { 1, 25, 32 } } },
      { 0 }, { 0 }, "picodet", ONYX_SCALING_STRETCH, false, 1 / 58.395, 123.675 / 58.395, VISION_TASK_DETECT, 80 },
    { "nanodet-plus", { 4, { 1, 3, 416, 416 } }, { { 3, { 1, 3598, 112 } } }, { 0 }, { 0 }, "nanodet-plus", ONYX_SCALING_STRETCH,
      true, 1 / 57.375, 103.53 / 57.375, VISION_TASK_DETECT, 80 },
    { "fastestdet", { 4, { 1, 3, 352, 352 } }, { { 4, { 1, 85, 22, 22 } } }, { 0 }, { 0 }, "fastestdet", ONYX_SCALING_STRETCH,
      true, UNIT, 0, VISION_TASK_DETECT, 80 },
    { "ultraface", { 4, { 1, 3, 240, 320 } }, { { 3, { 1, 4420, 2 } }, { 3, { 1, 4420, 4 } } }, { 0 }, { 0 }, "ultraface",
      ONYX_SCALING_STRETCH, false, 1 / 128.0, 127 / 128.0, VISION_TASK_DETECT, 2 },
    { "yunet free", { 4, { -1, 3, -1, -1 } },
      { { 3, { -1, -1, 1 } }, { 3, { -1, -1, 1 } }, { 3, { -1, -1, 1 } }, { 3, { -1, -1, 1 } }, { 3, { -1, -1, 1 } },
        { 3, { -1, -1, 1 } }, { 3, { -1, -1, 4 } }, { 3, { -1, -1, 4 } }, { 3, { -1, -1, 4 } }, { 3, { -1, -1, 10 } },
        { 3, { -1, -1, 10 } }, { 3, { -1, -1, 10 } } },
      { 0 }, { 0 }, "yunet", ONYX_SCALING_LETTERBOX_TOP_LEFT, true, 1, 0, VISION_TASK_POSE, 1 },
    { "rt-detr", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 300, 6 } } }, { 0 }, { ULTRALYTICS("detect"), "head", "RTDETRDecoder" },
      "rt-detr", ONYX_SCALING_STRETCH, false, UNIT, 0, VISION_TASK_DETECT, 2 },
    { "ordinary classifier", { 4, { 1, 3, 224, 224 } }, { { 2, { 1, 1000 } } }, { 0 }, { 0 }, NULL, ULTRALYTICS_INPUT, VISION_TASK_UNKNOWN, 0 },
    { "six classes", { 4, { 1, 3, 224, 224 } }, { { 2, { 1, 6 } } }, { 0 }, { 0 }, NULL, ULTRALYTICS_INPUT,
      VISION_TASK_UNKNOWN, 0 },
    { "text model", { 2, { 1, 128 } }, { { 3, { 1, 128, 768 } } }, { 0 }, { 0 }, NULL, ULTRALYTICS_INPUT,
      VISION_TASK_UNKNOWN, 0 },
    { "torn names", { 4, { 1, 3, 640, 640 } }, { { 3, { 1, 84, 8400 } } }, { 0 }, { "names", "{0: 'a', 1:" }, "yolov8",
      ULTRALYTICS_INPUT, VISION_TASK_DETECT, 80 },
};
/* clang-format on */

static vision_recipe *make(const expectation *e)
{
    onyx_value_info input = { .name = "images", .type = ONYX_TYPE_FLOAT32, .rank = e->input.rank };
    onyx_value_info outputs[12];
    vision_metadata metadata[6];
    vision_model_info info = { .inputs = &input, .input_count = 1, .outputs = outputs, .metadata = metadata };
    memset(outputs, 0, sizeof outputs);
    memcpy(input.dims, e->input.dims, sizeof e->input.dims);
    for (; info.output_count < 12 && e->outputs[info.output_count].rank; info.output_count++) {
        onyx_value_info *o = &outputs[info.output_count];
        o->name = info.output_count < 3 && e->names[info.output_count] ? e->names[info.output_count] : "y";
        o->type = ONYX_TYPE_FLOAT32;
        o->rank = e->outputs[info.output_count].rank;
        memcpy(o->dims, e->outputs[info.output_count].dims, sizeof e->input.dims);
    }
    for (; info.metadata_count < 6 && e->metadata[2 * info.metadata_count]; info.metadata_count++)
        metadata[info.metadata_count] =
            (vision_metadata){ e->metadata[2 * info.metadata_count], e->metadata[2 * info.metadata_count + 1] };
    vision_recipe *recipe = NULL;
    onyx_error error;
    CHECK(vision_recipe_new(&info, &recipe, &error) == ONYX_OK, "%s: %s", e->what, error.message);
    return recipe;
}

static void test_recognition(void)
{
    for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++) {
        const expectation *e = &expectations[i];
        vision_recipe *r = make(e);
        if (!r)
            continue;
        const char *family = vision_recipe_family(r);
        CHECK(family == e->family || (family && e->family && !strcmp(family, e->family)), "%s: family %s, expected %s",
              e->what, family ? family : "none", e->family ? e->family : "none");
        const onyx_preprocess *p = &r->preprocess;
        CHECK(p->scaling == e->scaling && p->bgr == e->bgr && fabs(p->scale[0] - e->scale) < 1e-9 &&
                  fabs(p->mean[0] - e->mean) < 1e-9,
              "%s: scaling %d, bgr %d, scale %g, mean %g", e->what, (int)p->scaling, p->bgr, p->scale[0], p->mean[0]);
        CHECK(r->task == e->task && r->classes == e->classes, "%s: task %s, %d classes, expected %s, %d", e->what,
              vision_task_name(r->task), r->classes, vision_task_name(e->task), e->classes);
        CHECK(r->description && *r->description && !strchr(r->description, '\n'), "%s: description", e->what);
        vision_recipe_unref(r);
    }
}

static const expectation *named(const char *what)
{
    for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++)
        if (!strcmp(expectations[i].what, what))
            return &expectations[i];
    return &expectations[0];
}

static void test_details(void)
{
    onyx_error error;
    onyx_tensor shape;
    vision_recipe *r = make(named("v8 all free"));
    CHECK(r->width_free && r->height_free && r->batch_free && r->input_width == 480 && r->input_height == 320,
          "free: %dx%d", r->input_width, r->input_height);
    CHECK(!vision_recipe_input_shape(r, &shape, &error) && shape.dims[0] == 1 && shape.dims[1] == 3 &&
              shape.dims[2] == 320 && shape.dims[3] == 480,
          "its shape");
    CHECK(!strcmp(vision_recipe_label(r, 1), "dog") && !vision_recipe_label(r, 2) && !vision_recipe_label(r, -1),
          "labels");
    vision_recipe *own = NULL;
    static const char lines[] = "Katze\r\n\nHund";
    CHECK(!vision_recipe_with_labels(r, lines, sizeof lines - 1, &own, &error), "own labels");
    vision_recipe_unref(r); /* the copy stands alone */
    CHECK(own->label_count == 3 && !strcmp(vision_recipe_label(own, 0), "Katze") && !vision_recipe_label(own, 1) &&
              !strcmp(vision_recipe_label(own, 2), "Hund") && own->classes == 2,
          "own labels are lines");
    CHECK(vision_recipe_ref(own) == own, "references");
    vision_recipe_unref(own);
    vision_recipe_unref(own);
    CHECK(!vision_recipe_with_labels(NULL, "a\nb\n", 4, &own, &error) && own->label_count == 2,
          "labels without a recipe");
    vision_recipe_unref(own);
    r = make(named("v8 NHWC input"));
    CHECK(r->layout == VISION_NHWC && r->channels == 3, "NHWC");
    CHECK(!vision_recipe_input_shape(r, &shape, &error) && shape.dims[1] == 640 && shape.dims[3] == 3, "its shape");
    vision_recipe_unref(r);
    r = make(named("text model"));
    CHECK(r->channels == 0 && vision_recipe_input_shape(r, &shape, &error) == ONYX_ERROR_UNSUPPORTED, "no picture");
    vision_recipe_unref(r);
    r = make(named("yolox"));
    CHECK(r->label_count == 80 && !strcmp(vision_recipe_label(r, 0), "person") && strstr(r->description, "COCO"),
          "COCO's names: %s", r->description);
    vision_recipe_unref(r);
    vision_recipe_unref(NULL);
    onyx_value_info picture = { .name = "x", .type = ONYX_TYPE_FLOAT32, .rank = 4, .dims = { 1, 224, 224, 3 } };
    vision_model_info scaling = { .inputs = &picture, .input_count = 1, .scales_pixels = true };
    CHECK(!vision_recipe_new(&scaling, &r, &error) && r->preprocess.scale[1] == 1 && r->preprocess.mean[2] == 0 &&
              strstr(r->description, "0..255"),
          "a graph that scales pixels itself");
    vision_recipe_unref(r);
    vision_model_info nothing = { 0 };
    CHECK(vision_recipe_new(&nothing, &r, &error) == ONYX_ERROR_ARGUMENT, "no input");
}

int main(void)
{
    test_literals();
    test_recognition();
    test_details();
    return check_done();
}
