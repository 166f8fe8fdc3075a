/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The vision room: a picture becomes a network's input, and a network's outputs become detections.
 * This is the interface for the elements and the command; onyx.h has a smaller one for everybody else (api.c).
 *
 *     vision_recipe *recipe;                       what a model wants and gives, once per model
 *     vision_recipe_of_model(model, &recipe, &error);
 *     ...
 *     vision_image_to_tensor(&image, NULL, &recipe->preprocess, recipe->layout, &input, NULL, &geometry, &error);
 *     onyx_session_run(...);
 *     vision_decode(recipe, tensors, names, count, &geometry, &params, detections, &error);
 *
 * Nothing here holds global state; what is written is only what the caller hands in. */
#ifndef ONYX_VISION_VISION_H
#define ONYX_VISION_VISION_H

#include "base/workers.h"
#include "onyx.h"

/* -------------------------------------------------------------------------------------------- picture -> tensor */

typedef enum vision_layout { VISION_NCHW = 0, VISION_NHWC } vision_layout;

/* A part of a picture, in its pixels. */
typedef struct vision_region {
    int x, y, width, height;
} vision_region;

/* Bytes that plane `plane` of a `width` x `height` picture must have with this stride (0: no such plane). Negative
 * strides count by their size; then the plane pointer is to the first row, which lies last in memory. */
size_t vision_plane_bytes(onyx_pixel_format format, int plane, int width, int height, ptrdiff_t stride);
/* 1, 2 or 3; 0 for an unknown format. */
int vision_plane_count(onyx_pixel_format format);
const char *vision_format_name(onyx_pixel_format format);

/* The transform alone: where the content of a picture lies in an input of that size. Of the picture, width, height and
 * the pixels' aspect count. region NULL: the whole picture. */
onyx_status vision_geometry(const onyx_image *picture, const vision_region *region, onyx_scaling scaling,
                            int input_width, int input_height, onyx_geometry *geometry, onyx_error *error);
/* input -> picture, not clipped. */
static inline float vision_to_picture_x(const onyx_geometry *g, float x)
{
    return (x - g->offset_x) / g->scale_x;
}
static inline float vision_to_picture_y(const onyx_geometry *g, float y)
{
    return (y - g->offset_y) / g->scale_y;
}

/* Writes `image` (or its `region`) as batch item 0 of `tensor`: rank 4 (or 3 without the batch), float32, float16 or
 * uint8 (uint8: pixels 0..255 as they are; scale and mean are not applied), dims by `layout`, 3 or 1 channels, and
 * any dims[0] >= 1. Only the rows that the result needs are read, and nothing is allocated.
 * `pool` may be NULL (one thread). scaling AUTO means letterbox. *geometry (may be NULL) gets the transform.
 * Errors: ARGUMENT (picture), TYPE, SHAPE (tensor). */
onyx_status vision_image_to_tensor(const onyx_image *image, const vision_region *region,
                                   const onyx_preprocess *preprocess, vision_layout layout, const onyx_tensor *tensor,
                                   workers *pool, onyx_geometry *geometry, onyx_error *error);

/* ------------------------------------------------------------------------------------------------------- recipes */

typedef struct vision_metadata {
    const char *key, *value;
} vision_metadata;

/* A model as the recipe sees it; everything is only read during the call. */
typedef struct vision_model_info {
    const char *producer, *graph_name; /* may be NULL */
    const vision_metadata *metadata;
    int metadata_count;
    const onyx_value_info *inputs;
    int input_count;
    const onyx_value_info *outputs;
    int output_count;
    bool scales_pixels; /* the graph begins with the scaling of 0..255 itself */
} vision_model_info;

typedef enum vision_task {
    VISION_TASK_UNKNOWN = 0,
    VISION_TASK_DETECT,
    VISION_TASK_SEGMENT,
    VISION_TASK_POSE,
    VISION_TASK_OBB,
    VISION_TASK_CLASSIFY
} vision_task;
const char *vision_task_name(vision_task task); /* "detect", ... */

struct vision_head; /* heads.h */

/* What a model wants and gives. Immutable and reference counted once made (threads may share it): a decoder without
 * the model keeps a reference beside the tensors. */
typedef struct vision_recipe {
    onyx_preprocess preprocess; /* scaling is never AUTO */
    vision_layout layout;
    onyx_type input_type;
    int channels;                  /* of the input: 3 or 1 (0: no image input) */
    int input_width, input_height; /* fixed by the model, or (free below) what to choose: imgsz, else 640 */
    bool width_free, height_free, batch_free;
    int stride;                   /* free sizes must be multiples of it; 32 when unknown */
    int classes;                  /* 0: unknown until the tensors are seen */
    int keypoints, keypoint_dims; /* per detection, 0 when none; dims 2 or 3 (x, y[, score]) */
    vision_task task;
    bool from_metadata;             /* task, labels and the like stood in the file */
    bool end_to_end;                /* the metadata says that NMS is in the graph (or not needed) */
    bool transformer;               /* the metadata names RT-DETR, whose outputs may look like an end-to-end head */
    const struct vision_head *head; /* NULL: not recognised by the outputs' declared shapes (decode looks again) */
    int label_count;
    const char *const *labels; /* NULL entries where an id has no name */
    const char *description;   /* one line: what was recognised, and from where */
} vision_recipe;

/* Never fails on a model without a known head: that gets plain defaults and a description which says so.
 * Errors: MEMORY, ARGUMENT (no input). */
onyx_status vision_recipe_new(const vision_model_info *info, vision_recipe **recipe, onyx_error *error);
onyx_status vision_recipe_of_model(const onyx_model *model, vision_recipe **recipe, onyx_error *error);
vision_recipe *vision_recipe_ref(const vision_recipe *recipe);
void vision_recipe_unref(const vision_recipe *recipe); /* NULL is allowed */
/* "yolov8", "yolox", ...; NULL when there is none. */
const char *vision_recipe_family(const vision_recipe *recipe);
/* NULL out of range or without a name. */
const char *vision_recipe_label(const vision_recipe *recipe, int label_id);
/* A copy of a recipe with other labels, one a line of `text` (a labels file); for tables given by the user.
 * recipe may be NULL: then only the labels are known. */
onyx_status vision_recipe_with_labels(const vision_recipe *recipe, const char *text, size_t length,
                                      vision_recipe **result, onyx_error *error);
/* The shape for input 0, with batch 1 and free sizes filled in (input_width x input_height). type is the model's. */
onyx_status vision_recipe_input_shape(const vision_recipe *recipe, onyx_tensor *shape, onyx_error *error);

/* -------------------------------------------------------------------------------------------------------- decode */

typedef struct vision_keypoint {
    float x, y, score; /* pixels of the picture (not clipped); score 1 where the head has none */
} vision_keypoint;

/* An instance mask: `width` x `height` bytes, row-major, 0..255 (probability x 255: inside is >= 128), which cover the
 * rectangle x0,y0..x1,y1 of the picture (pixel (0,0) of the mask reaches from x0,y0 to x0 + (x1 - x0) / width, ...).
 * The rectangle is the detection's box widened to whole mask pixels, so a reader cuts the mask at the box. A pixel of
 * the mask covers many of the picture: draw with vision_mask_row, which smooths. */
typedef struct vision_mask {
    int width, height; /* 0: no mask */
    float x0, y0, x1, y1;
    const uint8_t *data;
} vision_mask;

/* Bilinear samples of the mask at picture positions (x0 + i * step, y), i < n, as the same 0..255. */
void vision_mask_row(const vision_mask *mask, float y, float x0, float step, int n, uint8_t *out);

typedef struct vision_detection {
    float x0, y0, x1, y1; /* pixels of the picture, clipped to it */
    float score;
    int label_id;
    bool rotated;        /* corners are set, and the box encloses them */
    float corners[4][2]; /* clockwise in picture pixels, not clipped */
    int keypoint_count;
    const vision_keypoint *keypoints;
    vision_mask mask;
} vision_detection;

/* Results, which keep their memory from one call to the next: steady state allocates nothing. Pointers within are
 * valid until the next vision_decode with the same object. */
typedef struct vision_detections {
    vision_detection *items; /* by falling score */
    int count;
    int candidates; /* that passed the threshold, before NMS */
    int ignored;    /* rows left out because they held NaN or infinity */
    struct vision_decode_memory *memory;
} vision_detections;

onyx_status vision_detections_new(vision_detections **detections, onyx_error *error);
void vision_detections_free(vision_detections *detections); /* NULL is allowed */

typedef struct vision_decode_params {
    float confidence;   /* score >= this; 0.25 is usual */
    float iou;          /* boxes that overlap more are suppressed; 0.45 is usual. Not for heads with NMS in the graph */
    int max_detections; /* 300 is usual */
    bool class_agnostic; /* suppress across classes */
    bool no_masks;       /* leave masks out */
    const int *classes;  /* only these label ids; NULL: all */
    int class_count;
} vision_decode_params;

#define VISION_DECODE_PARAMS ((vision_decode_params){ .confidence = 0.25f, .iou = 0.45f, .max_detections = 300 })

/* Decodes the outputs of one run (batch item 0). `recipe` may be NULL: then the head is found from the tensors and
 * the input's size in *geometry alone. `names` may be NULL; they help to tell heads of equal shapes apart, and stand in
 * messages. Float32, float16, float64, int32 and int64 tensors; at most the first 16.
 * Tensors that no head needs are ignored. On failure `detections` is empty.
 * Errors: UNSUPPORTED (no known head: the message lists what was seen and what is understood), MEMORY, ARGUMENT. */
onyx_status vision_decode(const vision_recipe *recipe, const onyx_tensor *tensors, const char *const *names, int count,
                          const onyx_geometry *geometry, const vision_decode_params *params,
                          vision_detections *detections, onyx_error *error);

/* One line per understood head, for help texts and messages; returns NULL past the end. */
const char *vision_head_help(int index);

#endif
