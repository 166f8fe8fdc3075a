/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From properties to a session that eats frames. */
#include "runner.h"

#include <stdarg.h>
#include <string.h>

__attribute__((format(printf, 3, 4))) static onyx_status fail(onyx_error *error, onyx_status status, const char *format,
                                                              ...)
{
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    g_vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

/* The properties count mean in pixel values: (pixel - mean) * scale; the engine subtracts after scaling. */
static onyx_status apply_numbers(onyx_preprocess *preprocess, const GstOnyxSettings *settings, onyx_error *error)
{
    gdouble means[3], scales[3];
    gint n_means = gst_onyx_parse_numbers(settings->mean, means);
    gint n_scales = gst_onyx_parse_numbers(settings->scale, scales);

    if (n_means < 0)
        return fail(error, ONYX_ERROR_ARGUMENT,
                    "mean='%s' is not understood: one number, or three with commas between, such as "
                    "mean=123.675,116.28,103.53",
                    settings->mean);
    if (n_scales < 0)
        return fail(error, ONYX_ERROR_ARGUMENT,
                    "scale='%s' is not understood: one number, or three with commas between, such as "
                    "scale=0.00392157",
                    settings->scale);
    for (int c = 0; c < 3; c++) {
        gdouble old_scale = preprocess->scale[c];
        gdouble pixel_mean = old_scale != 0 ? preprocess->mean[c] / old_scale : 0;
        if (n_means > 0)
            pixel_mean = means[n_means == 3 ? c : 0];
        if (n_scales > 0)
            preprocess->scale[c] = scales[n_scales == 3 ? c : 0];
        if (n_means > 0 || n_scales > 0)
            preprocess->mean[c] = pixel_mean * preprocess->scale[c];
    }
    return ONYX_OK;
}

static onyx_status make_preprocess(GstOnyxRunner *runner, const GstOnyxSettings *settings, onyx_error *error)
{
    runner->preprocess = runner->recipe->preprocess;
    if (settings->scaling != ONYX_SCALING_AUTO)
        runner->preprocess.scaling = settings->scaling;
    if (settings->channel_order != GST_ONYX_CHANNELS_AUTO)
        runner->preprocess.bgr = settings->channel_order == GST_ONYX_CHANNELS_BGR;
    return apply_numbers(&runner->preprocess, settings, error);
}

/* The model's recipe, with the user's labels if there are any. */
static onyx_status make_recipe(GstOnyxRunner *runner, const GstOnyxSettings *settings, onyx_error *error)
{
    const vision_recipe *recipe = runner->model->recipe;
    gchar *problem = NULL;

    if (!settings->labels || !*settings->labels) {
        runner->recipe = vision_recipe_ref(recipe);
        return ONYX_OK;
    }
    gchar *text = gst_onyx_read_labels(settings->labels, &problem);
    if (!text) {
        fail(error, ONYX_ERROR_ARGUMENT, "%s", problem);
        g_free(problem);
        return error->status;
    }
    onyx_status status = vision_recipe_with_labels(recipe, text, strlen(text), &runner->recipe, error);
    g_free(text);
    if (status == ONYX_OK && recipe->classes > 0 && runner->recipe->label_count != recipe->classes)
        runner->notice = g_strdup_printf("labels has %d names, but the model '%s' tells %d classes apart: names may be "
                                         "missing or wrong. Give one name for each class, in the model's order.",
                                         runner->recipe->label_count, settings->model, recipe->classes);
    return status;
}

static onyx_status make_session(GstOnyxRunner *runner, const GstOnyxSettings *settings, onyx_error *error)
{
    int inputs = onyx_model_input_count(runner->model->model);
    onyx_tensor shape, input;

    if (inputs != 1)
        return fail(error, ONYX_ERROR_SHAPE, "%s: the model has %d inputs; onnxinfer feeds one picture to one input",
                    settings->model, inputs);
    if (runner->recipe->channels == 0) {
        onyx_value_info info;
        onyx_model_input_info(runner->model->model, 0, &info);
        return fail(error, ONYX_ERROR_SHAPE,
                    "%s: input '%s' (%s, rank %d) is no picture: 1 or 3 channels with height and width are needed",
                    settings->model, info.name, onyx_type_name(info.type), info.rank);
    }
    onyx_status status = vision_recipe_input_shape(runner->recipe, &shape, error);
    if (status == ONYX_OK)
        status = onyx_session_new(runner->model->model, &shape, &runner->session, error);
    if (status == ONYX_OK) /* its memory is allocated here, and not at the first frame */
        status = onyx_session_input(runner->session, 0, &input, error);
    return status;
}

static void unref_recipe(gpointer recipe)
{
    vision_recipe_unref(recipe);
}

static void make_network(GstOnyxRunner *runner, const GstOnyxSettings *settings)
{
    const vision_recipe *recipe = runner->recipe;
    int n_outputs = onyx_model_output_count(runner->model->model);
    const gchar **outputs = g_new0(const gchar *, (gsize)n_outputs + 1);
    const gchar **labels = g_new0(const gchar *, (gsize)recipe->label_count + 1);
    gchar *name = g_path_get_basename(settings->model);

    for (int i = 0; i < n_outputs; i++) {
        onyx_value_info info;
        if (onyx_model_output_info(runner->model->model, i, &info) == ONYX_OK)
            outputs[i] = info.name;
    }
    for (int i = 0; i < recipe->label_count; i++)
        labels[i] = vision_recipe_label(recipe, i);
    runner->network = onyx_network_new(name, recipe->description, outputs, (guint)n_outputs, labels,
                                       (guint)recipe->label_count, vision_recipe_ref(recipe), unref_recipe);
    g_free(name);
    g_free(labels);
    g_free(outputs);
}

/* As GStreamer's own onnxinference does it: a tensor is called what the model's metadata say under its name, else by
 * its name. */
static void make_tensor_ids(GstOnyxRunner *runner)
{
    const onyx_model *model = runner->model->model;
    guint count = onyx_network_get_n_outputs(runner->network);
    const gchar *const *names = onyx_network_get_output_names(runner->network);

    runner->tensor_ids = g_new0(GQuark, count + 1);
    for (guint i = 0; i < count; i++) {
        const char *key, *value;
        runner->tensor_ids[i] = g_quark_from_string(names[i]);
        for (int k = 0; onyx_model_metadata_at(model, k, &key, &value); k++)
            if (g_strcmp0(key, names[i]) == 0 && *value)
                runner->tensor_ids[i] = g_quark_from_string(value);
    }
}

GstOnyxRunner *gst_onyx_runner_new(const GstOnyxSettings *settings, onyx_error *error)
{
    GstOnyxModelOptions options = { .path = settings->model,
                                    .device = settings->device,
                                    .threads = settings->threads,
                                    .precision = settings->precision };
    GstOnyxRunner *runner = g_new0(GstOnyxRunner, 1);

    runner->model = gst_onyx_registry_open(&options, error);
    if (!runner->model || make_recipe(runner, settings, error) != ONYX_OK ||
        make_preprocess(runner, settings, error) != ONYX_OK || make_session(runner, settings, error) != ONYX_OK) {
        gst_onyx_runner_free(runner);
        return NULL;
    }
    make_network(runner, settings);
    make_tensor_ids(runner);
    return runner;
}

void gst_onyx_runner_free(GstOnyxRunner *runner)
{
    if (!runner)
        return;
    onyx_network_unref(runner->network);
    g_free(runner->tensor_ids);
    onyx_session_free(runner->session);
    vision_recipe_unref(runner->recipe);
    gst_onyx_registry_close(runner->model);
    g_free(runner->notice);
    g_free(runner);
}

onyx_status gst_onyx_runner_infer(GstOnyxRunner *runner, const GstVideoFrame *frame, onyx_outputs **outputs,
                                  onyx_geometry *geometry, onyx_error *error)
{
    onyx_image image;

    if (!gst_onyx_image_of_frame(frame, &image))
        return fail(error, ONYX_ERROR_UNSUPPORTED, "the pixel format %s is not understood",
                    gst_video_format_to_string(GST_VIDEO_FRAME_FORMAT(frame)));
    onyx_status status = onyx_session_set_image(runner->session, &image, &runner->preprocess, geometry, error);
    if (status == ONYX_OK)
        status = onyx_session_run(runner->session, outputs, error);
    return status;
}
