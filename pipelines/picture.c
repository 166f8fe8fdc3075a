/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Example: libonyx alone finds the objects in one raw picture. No GStreamer, no image library.
 *
 *     onyx-picture yolo11n.onnx shop.ppm
 *
 * Any tool makes the PPM: convert shop.jpg shop.ppm, ffmpeg -i shop.jpg shop.ppm, ...
 * Build outside of this tree:
 *
 *     cc picture.c -o onyx-picture $(pkg-config --cflags --libs onyx-1.0)
 */
#include <onyx.h>

#include <stdio.h>
#include <stdlib.h>

/* Reads a binary PPM with 8 bits a channel. The caller frees the pixels; NULL: the file is no such thing. */
static unsigned char *read_ppm(const char *path, int *width, int *height)
{
    FILE *file = fopen(path, "rb");
    unsigned char *pixels = NULL;
    int largest = 0;
    if (!file)
        return NULL;
    /* The header ends with exactly one white-space character; pixels follow. */
    if (fscanf(file, "P6 %d %d %d", width, height, &largest) == 3 && fgetc(file) != EOF && largest == 255 &&
        *width > 0 && *height > 0 && *width <= 32768 && *height <= 32768) {
        size_t bytes = (size_t)*width * (size_t)*height * 3;
        pixels = malloc(bytes);
        if (pixels && fread(pixels, 1, bytes, file) != bytes) {
            free(pixels);
            pixels = NULL;
        }
    }
    fclose(file);
    return pixels;
}

static void print_found(const onyx_recipe *recipe, const onyx_detection *found, int count)
{
    for (int i = 0; i < count; i++) {
        const char *label = onyx_recipe_label(recipe, found[i].label_id);
        printf("%-16s %.2f  x %.0f-%.0f y %.0f-%.0f\n", label ? label : "?", found[i].score, found[i].x0, found[i].x1,
               found[i].y0, found[i].y1);
    }
    printf("%d objects\n", count);
}

int main(int argc, char **argv)
{
    onyx_error error;
    onyx_model *model = NULL;
    onyx_session *session = NULL;
    onyx_recipe *recipe = NULL;
    onyx_outputs *outputs = NULL;
    onyx_geometry geometry;
    onyx_detection found[100];
    int width, height, count = 0, status = EXIT_FAILURE;

    if (argc != 3) {
        fprintf(stderr, "usage: %s MODEL.onnx PICTURE.ppm\n", argv[0]);
        return 2;
    }
    unsigned char *pixels = read_ppm(argv[2], &width, &height);
    if (!pixels) {
        fprintf(stderr, "%s: not a binary PPM with 8 bits a channel\n", argv[2]);
        return EXIT_FAILURE;
    }

    /* A model is read once and may serve any number of threads; a session serves one of them. */
    onyx_options options = ONYX_OPTIONS(.threads = 1);
    if (onyx_model_open(argv[1], &options, &model, &error) || onyx_session_new(model, NULL, &session, &error))
        goto fail;
    /* The recipe is what Onyx recognised: how the network wants its picture, and how its outputs are to be read. */
    if (onyx_recipe_new(model, &recipe, &error))
        goto fail;
    printf("%s\n", onyx_recipe_description(recipe));

    /* The picture is only described: its memory stays where it is. */
    onyx_image image = {
        .format = ONYX_PIXEL_RGB,
        .width = width,
        .height = height,
        .planes = { pixels },
        .strides = { (ptrdiff_t)width * 3 },
    };
    if (onyx_session_set_image(session, &image, onyx_recipe_preprocess(recipe), &geometry, &error) ||
        onyx_session_run(session, &outputs, &error))
        goto fail;
    if (onyx_recipe_decode(recipe, outputs, &geometry, 0.25f, 0.45f, found, 100, &count, &error))
        goto fail;
    print_found(recipe, found, count);
    status = EXIT_SUCCESS;
    goto done;

fail:
    fprintf(stderr, "%s\n", error.message);
done:
    if (outputs)
        onyx_outputs_unref(outputs);
    if (recipe)
        onyx_recipe_free(recipe);
    if (session)
        onyx_session_free(session);
    onyx_model_unref(model);
    free(pixels);
    return status;
}
