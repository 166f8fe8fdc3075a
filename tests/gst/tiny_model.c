/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The few protobuf fields of ONNX that a tiny model needs. Numbers are those of the published onnx.proto. */
#include "tiny_model.h"

#include <math.h>
#include <string.h>

enum { FLOAT = 1, INT64 = 7 };

static void put_varint(GByteArray *to, guint64 value)
{
    do {
        guint8 byte = (guint8)((value & 127) | (value > 127 ? 128 : 0));
        g_byte_array_append(to, &byte, 1);
        value >>= 7;
    } while (value);
}

static void put_int(GByteArray *to, guint field, guint64 value)
{
    put_varint(to, field << 3);
    put_varint(to, value);
}

static void put_bytes(GByteArray *to, guint field, gconstpointer bytes, gsize size)
{
    put_varint(to, field << 3 | 2);
    put_varint(to, size);
    g_byte_array_append(to, bytes, (guint)size);
}

static void put_string(GByteArray *to, guint field, const gchar *text)
{
    put_bytes(to, field, text, strlen(text));
}

/* Takes the message. */
static void put_message(GByteArray *to, guint field, GByteArray *message)
{
    put_bytes(to, field, message->data, message->len);
    g_byte_array_unref(message);
}

static GByteArray *tensor(const gchar *name, gint type, const gint64 *dims, guint rank, gconstpointer data, gsize size)
{
    GByteArray *t = g_byte_array_new();
    for (guint i = 0; i < rank; i++)
        put_int(t, 1, (guint64)dims[i]);
    put_int(t, 2, (guint64)type);
    put_string(t, 8, name);
    put_bytes(t, 9, data, size);
    return t;
}

/* ValueInfoProto of a float tensor. */
static GByteArray *value(const gchar *name, const gint64 *dims, guint rank)
{
    GByteArray *shape = g_byte_array_new(), *tensor_type = g_byte_array_new(), *type = g_byte_array_new();
    GByteArray *info = g_byte_array_new();

    for (guint i = 0; i < rank; i++) {
        GByteArray *dim = g_byte_array_new();
        put_int(dim, 1, (guint64)dims[i]);
        put_message(shape, 1, dim);
    }
    put_int(tensor_type, 1, FLOAT);
    put_message(tensor_type, 2, shape);
    put_message(type, 1, tensor_type);
    put_string(info, 1, name);
    put_message(info, 2, type);
    return info;
}

static GByteArray *node(const gchar *operator, const gchar * const * inputs, const gchar *output)
{
    GByteArray *n = g_byte_array_new();
    for (; *inputs; inputs++)
        put_string(n, 1, *inputs);
    put_string(n, 2, output);
    put_string(n, 3, output);
    put_string(n, 4, operator);
    return n;
}

/* Conv's weights [rows, 3, 32, 32] and bias: see the header. */
static void fill_detector(gfloat *weights, gfloat *bias, gboolean spoiled)
{
    const gsize picture = (gsize)TINY_SIZE * TINY_SIZE, half = TINY_SIZE / 2;

    for (gsize i = 0; i < TINY_ROWS; i++) {
        const gfloat box[4] = { i < 4 ? (i % 2 ? 24.0f : 8.0f) : 16.0f, i < 4 ? (i / 2 ? 24.0f : 8.0f) : 16.0f,
                                i < 4 ? 16.0f : 4.0f, i < 4 ? 16.0f : 4.0f };
        for (gsize c = 0; c < 4; c++)
            bias[c * TINY_ROWS + i] = box[c];
        if (spoiled && i < 2)
            bias[i * TINY_ROWS + i] = i ? INFINITY : NAN;
        for (gsize c = 0; i < 4 && c < TINY_CLASSES; c++) {
            gfloat *plane = weights + ((4 + c) * TINY_ROWS + i) * 3 * picture + (c ? 2 : 0) * picture;
            for (gsize y = 0; y < half; y++)
                for (gsize x = 0; x < half; x++)
                    plane[(y + (i / 2) * half) * TINY_SIZE + x + (i % 2) * half] = 1.0f / (gfloat)(half * half);
        }
    }
}

static GByteArray *graph(TinyKind kind)
{
    const gint64 channels = kind == TINY_CLASSIFIER ? 10 : (4 + TINY_CLASSES) * TINY_ROWS;
    const gint64 picture[] = { 1, 3, TINY_SIZE, TINY_SIZE }, flat[] = { 1, 3 };
    const gint64 weight_dims[] = { channels, 3, TINY_SIZE, TINY_SIZE }, bias_dims[] = { channels }, two[] = { 2 };
    const gint64 three[] = { 3 }, table[] = { 1, 4 + TINY_CLASSES, TINY_ROWS }, scores[] = { 1, 10 };
    const gsize n = (gsize)channels * 3 * TINY_SIZE * TINY_SIZE;
    gfloat *weights = g_new0(gfloat, n), *bias = g_new0(gfloat, (gsize)channels);
    GByteArray *g = g_byte_array_new();

    if (kind != TINY_CLASSIFIER)
        fill_detector(weights, bias, kind == TINY_NOT_FINITE);
    if (kind == TINY_NO_PICTURE) {
        put_message(g, 1, node("Relu", (const gchar *[]){ "images", NULL }, "output0"));
    } else {
        const gchar *last = kind == TINY_UNKNOWN_OPERATOR ? "Frobnicate" : "Reshape";
        put_message(g, 1, node("Conv", (const gchar *[]){ "images", "w", "b", NULL }, "features"));
        put_message(g, 1, node(last, (const gchar *[]){ "features", "shape", NULL }, "output0"));
        put_message(g, 5, tensor("w", FLOAT, weight_dims, 4, weights, n * sizeof *weights));
        put_message(g, 5, tensor("b", FLOAT, bias_dims, 1, bias, (gsize)channels * sizeof *bias));
        if (kind == TINY_CLASSIFIER)
            put_message(g, 5, tensor("shape", INT64, two, 1, scores, sizeof scores));
        else
            put_message(g, 5, tensor("shape", INT64, three, 1, table, sizeof table));
    }
    put_string(g, 2, "tiny");
    put_message(g, 11, kind == TINY_NO_PICTURE ? value("images", flat, 2) : value("images", picture, 4));
    if (kind == TINY_TWO_INPUTS)
        put_message(g, 11, value("more", flat, 2));
    if (kind == TINY_NO_PICTURE)
        put_message(g, 12, value("output0", flat, 2));
    else if (kind == TINY_CLASSIFIER)
        put_message(g, 12, value("output0", scores, 2));
    else
        put_message(g, 12, value("output0", table, 3));
    g_free(weights);
    g_free(bias);
    return g;
}

static void put_metadata(GByteArray *model, const gchar *key, const gchar *text)
{
    GByteArray *entry = g_byte_array_new();
    put_string(entry, 1, key);
    put_string(entry, 2, text);
    put_message(model, 14, entry);
}

void tiny_model_write(const gchar *path, TinyKind kind, const gchar *names)
{
    GByteArray *model = g_byte_array_new(), *opset = g_byte_array_new();

    put_int(model, 1, 8); /* ir_version */
    put_string(model, 2, "onyx tests");
    put_string(opset, 1, "");
    put_int(opset, 2, 17);
    put_message(model, 8, opset);
    put_message(model, 7, graph(kind));
    if (names) {
        put_metadata(model, "task", "detect");
        put_metadata(model, "stride", "32");
        put_metadata(model, "imgsz", "[32, 32]");
        put_metadata(model, "names", names);
    }
    GError *error = NULL;
    if (!g_file_set_contents(path, (const gchar *)model->data, (gssize)model->len, &error))
        g_error("%s", error->message);
    g_byte_array_unref(model);
}
