/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The pictures-and-boxes part of onyx.h, over vision.h and the rest of onyx.h. */
#include "onyx.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/status.h"
#include "vision/vision.h"

enum { MOST_OUTPUTS = 16, MOST_METADATA = 10000 };

struct onyx_recipe {
    vision_recipe *recipe;
    onyx_preprocess preprocess;
    char *names[MOST_OUTPUTS]; /* of the model's outputs, for messages */
    int name_count;
    vision_detections *memory; /* decode's, so that steady state allocates nothing */
};

static onyx_status read_values(const onyx_model *model, bool outputs, onyx_value_info **values, int *count,
                               onyx_error *error)
{
    *count = outputs ? onyx_model_output_count(model) : onyx_model_input_count(model);
    *values = calloc((size_t)MAX(*count, 1), sizeof **values);
    if (!*values)
        return status_no_memory(error, (size_t)*count * sizeof **values, "the model's inputs and outputs");
    for (int i = 0; i < *count; i++)
        STATUS_TRY((outputs ? onyx_model_output_info : onyx_model_input_info)(model, i, &(*values)[i]));
    return ONYX_OK;
}

onyx_status vision_recipe_of_model(const onyx_model *model, vision_recipe **recipe, onyx_error *error)
{
    if (!model || !recipe)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "a model must be given");
    onyx_value_info *inputs = NULL, *outputs = NULL;
    vision_metadata *metadata = NULL;
    const char *key, *value;
    vision_model_info info = { .producer = onyx_model_producer(model),
                               .graph_name = onyx_model_graph_name(model),
                               .scales_pixels = onyx_model_scales_pixels(model, 0) };
    while (info.metadata_count < MOST_METADATA && onyx_model_metadata_at(model, info.metadata_count, &key, &value))
        info.metadata_count++;
    onyx_status status = read_values(model, false, &inputs, &info.input_count, error);
    if (status == ONYX_OK)
        status = read_values(model, true, &outputs, &info.output_count, error);
    if (status == ONYX_OK) {
        metadata = calloc((size_t)MAX(info.metadata_count, 1), sizeof *metadata);
        if (!metadata)
            status = status_no_memory(error, (size_t)info.metadata_count * sizeof *metadata, "metadata");
    }
    if (status == ONYX_OK) {
        for (int i = 0; i < info.metadata_count; i++)
            onyx_model_metadata_at(model, i, &metadata[i].key, &metadata[i].value);
        info.metadata = metadata;
        info.inputs = inputs;
        info.outputs = outputs;
        status = vision_recipe_new(&info, recipe, error);
    }
    free(metadata);
    free(inputs);
    free(outputs);
    return status;
}

onyx_status onyx_recipe_new(const onyx_model *model, onyx_recipe **recipe, onyx_error *error)
{
    if (!model || !recipe)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "a model and a place for the recipe must be given");
    onyx_recipe *r = calloc(1, sizeof *r);
    if (!r)
        return status_no_memory(error, sizeof *r, "a recipe");
    onyx_status status = vision_recipe_of_model(model, &r->recipe, error);
    if (status == ONYX_OK)
        status = vision_detections_new(&r->memory, error);
    r->name_count = MIN(onyx_model_output_count(model), MOST_OUTPUTS);
    for (int i = 0; status == ONYX_OK && i < r->name_count; i++) {
        onyx_value_info info;
        status = onyx_model_output_info(model, i, &info);
        if (status == ONYX_OK && !(r->names[i] = strdup(info.name ? info.name : "")))
            status = status_no_memory(error, 64, "a name");
    }
    if (status != ONYX_OK) {
        onyx_recipe_free(r);
        return status;
    }
    r->preprocess = r->recipe->preprocess;
    *recipe = r;
    return ONYX_OK;
}

void onyx_recipe_free(onyx_recipe *recipe)
{
    if (!recipe)
        return;
    for (int i = 0; i < MOST_OUTPUTS; i++)
        free(recipe->names[i]);
    vision_detections_free(recipe->memory);
    vision_recipe_unref(recipe->recipe);
    free(recipe);
}

onyx_preprocess *onyx_recipe_preprocess(onyx_recipe *recipe)
{
    return &recipe->preprocess;
}

const char *onyx_recipe_description(const onyx_recipe *recipe)
{
    return recipe->recipe->description;
}

int onyx_recipe_label_count(const onyx_recipe *recipe)
{
    return recipe->recipe->label_count;
}

const char *onyx_recipe_label(const onyx_recipe *recipe, int label_id)
{
    return vision_recipe_label(recipe->recipe, label_id);
}

onyx_status onyx_recipe_decode(onyx_recipe *recipe, const onyx_outputs *outputs, const onyx_geometry *geometry,
                               float confidence_threshold, float iou_threshold, onyx_detection *detections,
                               int capacity, int *count, onyx_error *error)
{
    if (!recipe || !outputs || !geometry || !count || capacity < 0 || (capacity && !detections))
        return status_fail(error, ONYX_ERROR_ARGUMENT,
                           "recipe, outputs, geometry and room for the boxes must be given");
    onyx_tensor tensors[MOST_OUTPUTS];
    const char *names[MOST_OUTPUTS];
    int found = MIN(onyx_outputs_count(outputs), MOST_OUTPUTS);
    for (int i = 0; i < found; i++) {
        if (onyx_outputs_get(outputs, i, &tensors[i]) != ONYX_OK)
            return status_fail(error, ONYX_ERROR_ARGUMENT, "output %d cannot be read", i);
        names[i] = i < recipe->name_count ? recipe->names[i] : "";
    }
    vision_decode_params params = VISION_DECODE_PARAMS;
    params.confidence = confidence_threshold;
    params.iou = iou_threshold;
    params.max_detections = capacity;
    params.no_masks = true;
    STATUS_TRY(vision_decode(recipe->recipe, tensors, names, found, geometry, &params, recipe->memory, error));
    for (int i = 0; i < recipe->memory->count; i++) {
        const vision_detection *d = &recipe->memory->items[i];
        detections[i] = (onyx_detection){ d->x0, d->y0, d->x1, d->y1, d->score, d->label_id };
    }
    *count = recipe->memory->count;
    return ONYX_OK;
}
