/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A small SVG writer for one kind of picture. Colours are Okabe and Ito's, which colour-blind people can tell apart. */
#include "eval_plot.h"

#include <string.h>

#define LEFT 70
#define TOP 48
#define SIDE 420
#define RIGHT 210
#define BOTTOM 60
#define MAX_CURVES 8

typedef struct line {
    gchar *label;
    const gchar *colour;
    double width;
    double precision[EVAL_RECALLS];
} line;

static const gchar *const colours[] = { "#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                        "#e69f00", "#56b4e9", "#8a7500", "#000000" };

/* As g_string_append_printf, but a decimal point in every locale (nothing here prints a float by %f). */
static void number(GString *svg, const gchar *before, double value)
{
    gchar text[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append(svg, before);
    g_string_append(svg, g_ascii_formatd(text, sizeof text, "%.2f", value));
}

static void text_at(GString *svg, double x, double y, const gchar *attributes, const gchar *text)
{
    gchar *escaped = g_markup_escape_text(text, -1);
    number(svg, "<text x=\"", x);
    number(svg, "\" y=\"", y);
    g_string_append_printf(svg, "\" %s>%s</text>\n", attributes, escaped);
    g_free(escaped);
}

static void grid(GString *svg)
{
    for (int i = 0; i <= 10; i++) {
        double x = LEFT + SIDE * i / 10.0, y = TOP + SIDE * i / 10.0;
        const gchar *colour = i == 0 || i == 10 ? "#888" : "#e4e4e4";
        gchar label[8];
        g_string_append_printf(svg, "<path d=\"M%d %dV%dM%d %dH%d\" stroke=\"%s\"/>\n", (int)x, TOP, TOP + SIDE, LEFT,
                               (int)y, LEFT + SIDE, colour);
        if (i % 2)
            continue;
        g_snprintf(label, sizeof label, i == 10 ? "1" : i == 0 ? "0" : "0.%d", i);
        text_at(svg, x, TOP + SIDE + 20, "text-anchor=\"middle\"", label);
        text_at(svg, LEFT - 8, TOP + SIDE - SIDE * i / 10.0 + 4, "text-anchor=\"end\"", label);
    }
    text_at(svg, LEFT + SIDE / 2.0, TOP + SIDE + 44, "text-anchor=\"middle\" font-size=\"15\"", "recall");
    g_string_append_printf(
        svg,
        "<text transform=\"translate(24 %d) rotate(-90)\" text-anchor=\"middle\" font-size=\"15\">precision</text>\n",
        TOP + SIDE / 2);
}

static void draw_line(GString *svg, const line *l, guint index)
{
    g_string_append_printf(svg, "<path fill=\"none\" stroke=\"%s\" stroke-linejoin=\"round\"", l->colour);
    number(svg, " stroke-width=\"", l->width);
    g_string_append(svg, "\" d=\"");
    for (int r = 0; r < EVAL_RECALLS; r++) {
        number(svg, r ? " L" : "M", LEFT + SIDE * r / 100.0);
        number(svg, " ", TOP + SIDE * (1 - l->precision[r]));
    }
    g_string_append(svg, "\"/>\n");
    double y = TOP + 14 + 22.0 * index;
    g_string_append_printf(svg, "<path stroke=\"%s\" stroke-width=\"3\" d=\"M%d %dh22\"/>\n", l->colour,
                           LEFT + SIDE + 16, (int)y - 4);
    text_at(svg, LEFT + SIDE + 46, y, "", l->label);
}

/* ---- which curves ---- */

static gchar *class_name(const eval_set *set, guint k)
{
    const eval_class *class = &g_array_index(set->classes, eval_class, k);
    return class->name ? g_strdup(class->name) : g_strdup_printf("class %" G_GINT64_FORMAT, class->id);
}

/* "name  AP 0.51" */
static gchar *labelled(const gchar *name, const double *precision)
{
    gchar value[G_ASCII_DTOSTR_BUF_SIZE];
    double sum = 0;
    for (int r = 0; r < EVAL_RECALLS; r++)
        sum += precision[r];
    g_ascii_formatd(value, sizeof value, "%.3f", sum / EVAL_RECALLS);
    return g_strdup_printf("%s: %s", name, value);
}

static gboolean mean_line(const eval_result *result, int iou, line *l)
{
    guint n = 0;
    for (guint k = 0; k < result->n_curves; k++) {
        if (result->curves[k].truth == 0)
            continue;
        for (int r = 0; r < EVAL_RECALLS; r++)
            l->precision[r] += result->curves[k].precision[EVAL_ALL][iou][r];
        n++;
    }
    for (int r = 0; r < EVAL_RECALLS && n; r++)
        l->precision[r] /= n;
    return n > 0;
}

static guint lines_of_ious(const eval_result *result, line *lines)
{
    static const struct {
        int iou;
        const gchar *name;
    } shown[] = { { 0, "IoU 0.50" }, { 5, "IoU 0.75" }, { 8, "IoU 0.90" } };
    guint n = 0;
    for (guint i = 0; i < G_N_ELEMENTS(shown); i++) {
        line l = { .colour = colours[i], .width = 2.4 };
        if (!mean_line(result, shown[i].iou, &l))
            continue;
        l.label = labelled(shown[i].name, l.precision);
        lines[n++] = l;
    }
    return n;
}

static guint lines_of_classes(const eval_set *set, const eval_result *result, line *lines)
{
    guint n = 0;
    gboolean *shown = g_new0(gboolean, result->n_curves + 1);
    line mean = { .colour = "#000000", .width = 3.2 };
    if (mean_line(result, 0, &mean)) {
        mean.label = labelled("all classes", mean.precision);
        lines[n++] = mean;
    }
    while (n > 0 && n < MAX_CURVES) {
        int best = -1;
        for (guint k = 0; k < result->n_curves; k++)
            if (!shown[k] && result->curves[k].truth > 0 &&
                (best < 0 || result->curves[k].truth > result->curves[best].truth))
                best = (int)k;
        if (best < 0)
            break;
        shown[best] = TRUE;
        gchar *name = class_name(set, (guint)best);
        line l = { .colour = colours[(n - 1) % 7], .width = 1.6 };
        memcpy(l.precision, result->curves[best].precision[EVAL_ALL][0], sizeof l.precision);
        l.label = labelled(name, l.precision);
        g_free(name);
        lines[n++] = l;
    }
    g_free(shown);
    return n;
}

gboolean eval_plot(const eval_set *set, const eval_result *result, const gchar *path, GError **error)
{
    line lines[MAX_CURVES] = { 0 };
    gboolean one = result->n_curves == 1;
    guint n = one ? lines_of_ious(result, lines) : lines_of_classes(set, result, lines);
    GString *svg = g_string_new(NULL);
    g_string_append_printf(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
        "font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
        LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM, LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM);
    gchar *only = one && set->classes->len == 1 ? class_name(set, 0) : NULL;
    gchar *title = only  ? g_strdup_printf("Precision over recall: %s", only)
                   : one ? g_strdup("Precision over recall, classes ignored")
                         : g_strdup("Precision over recall at IoU 0.5");
    text_at(svg, LEFT, 30, "font-size=\"17\"", title);
    grid(svg);
    for (guint i = n; i-- > 0;)
        draw_line(svg, &lines[i], i);
    text_at(svg, LEFT + SIDE + 16, TOP + 20 + 22.0 * n, "fill=\"#666\" font-size=\"12\"", "number: average precision");
    g_string_append(svg, "</svg>\n");
    for (guint i = 0; i < n; i++)
        g_free(lines[i].label);
    g_free(only);
    g_free(title);
    gboolean written = g_file_set_contents(path, svg->str, (gssize)svg->len, error);
    g_string_free(svg, TRUE);
    return written;
}
