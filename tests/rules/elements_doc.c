/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Prints docs/elements.md: the plugin's elements with their pads and properties, as the elements themselves say. */
#include <gst/gst.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const elements[] = { "onnxinfer", "onnxdecode-yolo", "onnxoverlay", "onnxpublish", "onnxtestscene" };

/* A table cell: no line breaks, no bars. */
static void print_cell(const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            putchar('\\');
        putchar(*text == '\n' ? ' ' : *text);
    }
}

static void print_default(GParamSpec *spec)
{
    const GValue *value = g_param_spec_get_default_value(spec);
    char *text = NULL;
    if (G_VALUE_HOLDS_STRING(value))
        text = g_strdup(g_value_get_string(value) ? g_value_get_string(value) : "");
    else if (G_VALUE_HOLDS_FLOAT(value))
        text = g_strdup_printf("%g", (double)g_value_get_float(value));
    else if (G_VALUE_HOLDS_DOUBLE(value))
        text = g_strdup_printf("%g", g_value_get_double(value));
    else if (!G_VALUE_HOLDS_BOXED(value))
        text = gst_value_serialize(value);
    if (text && *text)
        printf("`%s`", text);
    g_free(text);
}

static void print_type(GParamSpec *spec)
{
    if (G_IS_PARAM_SPEC_ENUM(spec)) {
        GEnumClass *class = G_PARAM_SPEC_ENUM(spec)->enum_class;
        for (guint i = 0; i < class->n_values; i++)
            printf("%s%s", i ? ", " : "", class->values[i].value_nick);
    } else if (G_IS_PARAM_SPEC_STRING(spec)) {
        printf("text");
    } else if (G_IS_PARAM_SPEC_BOOLEAN(spec)) {
        printf("true, false");
    } else if (G_IS_PARAM_SPEC_FLOAT(spec)) {
        printf("%g to %g", (double)G_PARAM_SPEC_FLOAT(spec)->minimum, (double)G_PARAM_SPEC_FLOAT(spec)->maximum);
    } else if (G_IS_PARAM_SPEC_DOUBLE(spec)) {
        printf("%g to %g", G_PARAM_SPEC_DOUBLE(spec)->minimum, G_PARAM_SPEC_DOUBLE(spec)->maximum);
    } else if (G_IS_PARAM_SPEC_UINT64(spec)) {
        printf("%" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, G_PARAM_SPEC_UINT64(spec)->minimum,
               G_PARAM_SPEC_UINT64(spec)->maximum);
    } else if (G_IS_PARAM_SPEC_INT(spec)) {
        printf("%d to %d", G_PARAM_SPEC_INT(spec)->minimum, G_PARAM_SPEC_INT(spec)->maximum);
    } else if (G_IS_PARAM_SPEC_UINT(spec)) {
        printf("%u to %u", G_PARAM_SPEC_UINT(spec)->minimum, G_PARAM_SPEC_UINT(spec)->maximum);
    } else {
        printf("%s", g_type_name(G_PARAM_SPEC_VALUE_TYPE(spec)));
    }
}

static const char *when(GParamSpec *spec)
{
    if (!(spec->flags & G_PARAM_WRITABLE))
        return "read only";
    if (spec->flags & GST_PARAM_MUTABLE_PLAYING)
        return "any time";
    if (spec->flags & GST_PARAM_MUTABLE_READY)
        return "READY";
    return "NULL, READY";
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(GParamSpec *const *)a)->name, (*(GParamSpec *const *)b)->name);
}

static void print_properties(GstElement *element)
{
    guint count = 0;
    GParamSpec **specs = g_object_class_list_properties(G_OBJECT_GET_CLASS(element), &count);
    qsort(specs, count, sizeof *specs, by_name);
    printf("\n| property | values | default | may change | |\n|---|---|---|---|---|\n");
    for (guint i = 0; i < count; i++) {
        /* What every element and transform has is GStreamer's to document. */
        if (specs[i]->owner_type != G_OBJECT_TYPE(element))
            continue;
        printf("| %s | ", specs[i]->name);
        print_type(specs[i]);
        printf(" | ");
        print_default(specs[i]);
        printf(" | %s | ", when(specs[i]));
        print_cell(g_param_spec_get_blurb(specs[i]));
        printf(" |\n");
    }
    g_free(specs);
}

static void print_element(const char *name)
{
    GstElementFactory *factory = gst_element_factory_find(name);
    GstElement *element = factory ? gst_element_factory_create(factory, NULL) : NULL;
    if (!element) {
        fprintf(stderr, "no element %s\n", name);
        exit(1);
    }
    printf("\n## %s\n\n%s.\n", name, gst_element_factory_get_metadata(factory, GST_ELEMENT_METADATA_DESCRIPTION));
    /* Both pads take the same: the elements are in-place; a source has one. */
    const GList *templates = gst_element_factory_get_static_pad_templates(factory);
    const GstStaticPadTemplate *pad = templates->data;
    GstCaps *caps = gst_static_caps_get((GstStaticCaps *)&pad->static_caps);
    char *text = gst_caps_to_string(caps);
    printf("\nPads: `%s`\n", text);
    g_free(text);
    gst_caps_unref(caps);
    print_properties(element);
    gst_object_unref(element);
    gst_object_unref(factory);
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    printf(
        "# Elements\n\n<!-- Made by tests/rules/elements_doc; a test compares. Do not edit. -->\n\n"
        "All but onnxtestscene, a source, are in-place: the frame keeps its size, format and memory, and only "
        "metadata\n"
        "is added or (onnxoverlay) drawn. \"may change\" says in which states a property may be set.\n\n"
        "Formats of 10, 12 and 16 bits are read at their depth, rounded to a network's 0..255 once, behind scaling "
        "and colour,\n"
        "and drawn on at their depth. Matrix, range and place of chroma are those of the caps. Transfer functions are "
        "not\n"
        "undone: HDR (PQ, HLG) reaches the network as flat as its numbers are; where that costs detections, a tone "
        "mapping\n"
        "belongs in front. GRAY16_LE is black at 0 and white at 65535: a thermal or depth camera that uses little of "
        "that is\n"
        "dark to the network, and wants to be stretched in front.\n");
    for (size_t i = 0; i < G_N_ELEMENTS(elements); i++)
        print_element(elements[i]);
    return 0;
}
