/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx-eval, the program behind `onyx eval`: reads truth and detections, measures, prints. */
#include "command.h"
#include "eval_metric.h"
#include "eval_plot.h"
#include "eval_read.h"
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The twelve numbers of COCO, by the names that pycocotools' users know. */
static const struct summary {
    const char *name, *text;
    gboolean recall;
    int iou; /* -1: mean over 0.50:0.95 */
    eval_size size;
    int top;
} summaries[] = {
    { "AP", "AP @[ IoU=0.50:0.95 ]", FALSE, -1, EVAL_ALL, EVAL_TOP_100 },
    { "AP50", "AP @[ IoU=0.50 ]", FALSE, 0, EVAL_ALL, EVAL_TOP_100 },
    { "AP75", "AP @[ IoU=0.75 ]", FALSE, 5, EVAL_ALL, EVAL_TOP_100 },
    { "AP_small", "AP small  (area < 32 x 32)", FALSE, -1, EVAL_SMALL, EVAL_TOP_100 },
    { "AP_medium", "AP medium", FALSE, -1, EVAL_MEDIUM, EVAL_TOP_100 },
    { "AP_large", "AP large  (area > 96 x 96)", FALSE, -1, EVAL_LARGE, EVAL_TOP_100 },
    { "AR_1", "AR, 1 detection a picture", TRUE, -1, EVAL_ALL, EVAL_TOP_1 },
    { "AR_10", "AR, 10 detections", TRUE, -1, EVAL_ALL, EVAL_TOP_10 },
    { "AR_100", "AR, 100 detections", TRUE, -1, EVAL_ALL, EVAL_TOP_100 },
    { "AR_small", "AR small", TRUE, -1, EVAL_SMALL, EVAL_TOP_100 },
    { "AR_medium", "AR medium", TRUE, -1, EVAL_MEDIUM, EVAL_TOP_100 },
    { "AR_large", "AR large", TRUE, -1, EVAL_LARGE, EVAL_TOP_100 },
};

static double summary_value(const eval_result *result, const struct summary *s, int curve)
{
    return s->recall ? eval_recall(result, curve, s->iou, s->size, s->top)
                     : eval_precision(result, curve, s->iou, s->size);
}

typedef struct evaluation {
    const char *box, *match, *size, *names, *plot;
    double min_visibility, min_height, require;
    bool as_json, agnostic, quiet;
    eval_reading how;
} evaluation;

/* ---- printing ---- */

static void print_value(const char *name, double value)
{
    if (value < 0)
        printf("  %-30s      -\n", name);
    else
        printf("  %-30s %6.4f\n", name, value);
}

static void print_cell(double value)
{
    if (value < 0)
        printf("        -");
    else
        printf(" %8.4f", value);
}

/* The score at which precision and recall balance best (largest F1), at IoU 0.5. */
static void best_point(const eval_curve *c, double *score, double *precision, double *recall)
{
    double best = 0;
    *score = *precision = *recall = -1;
    for (int r = 1; r < EVAL_RECALLS; r++) {
        double p = c->precision[EVAL_ALL][0][r], q = r * 0.01, f = 2 * p * q / (p + q);
        if (p > 0 && f > best) {
            best = f;
            *score = c->score[0][r];
            *precision = p;
            *recall = q;
        }
    }
}

static const char *class_text(const eval_set *set, guint k, char *text, size_t size)
{
    const eval_class *class = &g_array_index(set->classes, eval_class, k);
    if (class->name)
        return class->name;
    snprintf(text, size, "class %" G_GINT64_FORMAT, class->id);
    return text;
}

static void print_table(const evaluation *e, const eval_set *set, const eval_result *result)
{
    char text[32];
    printf("%u pictures, %u true boxes, %u detections\n", set->pictures->len, set->truth->len, set->found->len);
    for (guint i = 0; i < G_N_ELEMENTS(summaries); i++)
        print_value(summaries[i].text, summary_value(result, &summaries[i], -1));
    printf("\n%-20s %7s %8s %8s %8s %8s   best F1 at IoU 0.5: score, precision, recall\n", "class", "truth", "AP",
           "AP50", "AP75", "AR100");
    for (guint k = 0; k < result->n_curves; k++) {
        double score, precision, recall;
        if (result->curves[k].truth == 0)
            continue;
        printf("%-20.20s %7u", e->agnostic ? "all" : class_text(set, k, text, sizeof text), result->curves[k].truth);
        print_cell(eval_precision(result, (int)k, -1, EVAL_ALL));
        print_cell(eval_precision(result, (int)k, 0, EVAL_ALL));
        print_cell(eval_precision(result, (int)k, 5, EVAL_ALL));
        print_cell(eval_recall(result, (int)k, -1, EVAL_ALL, EVAL_TOP_100));
        best_point(&result->curves[k], &score, &precision, &recall);
        if (score >= 0)
            printf("   %.2f  %.2f  %.2f", score, precision, recall);
        printf("\n");
    }
}

static void json_value(json *j, const char *name, double value)
{
    json_number(j, name, value < 0 ? NAN : value);
}

static void print_json(const evaluation *e, const eval_set *set, const eval_result *result)
{
    json j = { .out = stdout };
    char text[32];
    json_begin(&j, NULL, '{');
    json_int(&j, "pictures", set->pictures->len);
    json_int(&j, "truth", set->truth->len);
    json_int(&j, "detections", set->found->len);
    json_begin(&j, "summary", '{');
    for (guint i = 0; i < G_N_ELEMENTS(summaries); i++)
        json_value(&j, summaries[i].name, summary_value(result, &summaries[i], -1));
    json_end(&j, '}');
    json_begin(&j, "classes", '[');
    for (guint k = 0; k < result->n_curves; k++) {
        double score, precision, recall;
        json_begin(&j, NULL, '{');
        if (!e->agnostic)
            json_int(&j, "id", g_array_index(set->classes, eval_class, k).id);
        json_text(&j, "name", e->agnostic ? "all" : class_text(set, k, text, sizeof text));
        json_int(&j, "truth", result->curves[k].truth);
        for (guint i = 0; i < G_N_ELEMENTS(summaries); i++)
            json_value(&j, summaries[i].name, summary_value(result, &summaries[i], (int)k));
        best_point(&result->curves[k], &score, &precision, &recall);
        json_value(&j, "best_score", score);
        json_value(&j, "best_precision", precision);
        json_value(&j, "best_recall", recall);
        json_end(&j, '}');
    }
    json_end(&j, ']');
    json_end(&j, '}');
}

/* ---- options ---- */

static bool read_options(evaluation *e)
{
    if (e->box && strcmp(e->box, "seen") == 0) {
        e->how.seen_box = TRUE;
    } else if (e->box && strcmp(e->box, "whole") != 0) {
        misused("eval", "--box is whole or seen, not \"%s\"", e->box);
        return false;
    }
    static const char *const matches[] = { "auto", "order", "timestamp", "name" };
    for (guint i = 0; e->match && i <= G_N_ELEMENTS(matches); i++) {
        if (i == G_N_ELEMENTS(matches)) {
            misused("eval", "--match is auto, order, timestamp or name, not \"%s\"", e->match);
            return false;
        }
        if (strcmp(e->match, matches[i]) == 0) {
            e->how.match = (eval_match)i;
            break;
        }
    }
    int width = 0, height = 0;
    char rest;
    if (e->size && (sscanf(e->size, "%dx%d%c", &width, &height, &rest) != 2 || width < 1 || height < 1)) {
        misused("eval", "--size wants WIDTHxHEIGHT, such as 1280x720, not \"%s\"", e->size);
        return false;
    }
    e->how.width = width;
    e->how.height = height;
    e->how.names = e->names;
    e->how.min_visibility = e->min_visibility;
    e->how.min_height = e->min_height;
    return true;
}

static int measure(evaluation *e, const char *truth, const char *found)
{
    GError *error = NULL;
    guint unmatched = 0;
    int status = EXIT_DONE;
    eval_set *set = eval_set_new();
    eval_result *result = NULL;
    if (!eval_read_truth(set, truth, &e->how, &error) || !eval_read_found(set, found, &e->how, &unmatched, &error))
        goto failed;
    if (unmatched)
        fprintf(stderr, "onyx eval: %u frames of %s have no truth and are left out\n", unmatched, found);
    if (set->other_classes && !e->quiet)
        fprintf(stderr, "onyx eval: %u detections are of classes that the truth does not have, and are left out\n",
                set->other_classes);
    eval_set_index(set);
    result = eval_measure(set, e->agnostic);
    if (e->as_json)
        print_json(e, set, result);
    else
        print_table(e, set, result);
    if (e->plot && !eval_plot(set, result, e->plot, &error))
        goto failed;
    if (e->require > 0 && !(eval_precision(result, -1, 0, EVAL_ALL) >= e->require))
        status = wanting("eval", "AP50 is %.4f, below %.4f", eval_precision(result, -1, 0, EVAL_ALL), e->require);
    goto done;

failed:
    status = wanting("eval", "%s", error->message);
    g_error_free(error);
done:
    eval_result_free(result);
    eval_set_free(set);
    return status;
}

int main(int argc, char **argv)
{
    evaluation e = { .min_visibility = 0.25 };
    const option options[] = {
        { "json", 0, OPTION_FLAG, &e.as_json, NULL, "print JSON" },
        { "plot", 0, OPTION_TEXT, &e.plot, "FILE.svg", "draw precision over recall" },
        { "agnostic", 0, OPTION_FLAG, &e.agnostic, NULL, "take all classes as one" },
        { "match", 0, OPTION_TEXT, &e.match, "HOW",
          "lines to pictures: auto, order, timestamp or name (default auto)" },
        { "box", 0, OPTION_TEXT, &e.box, "WHICH", "a scene's truth: whole bodies, or what is seen (default whole)" },
        { "min-visibility", 0, OPTION_DOUBLE, &e.min_visibility, "X",
          "a scene's truth: less is ignored (default 0.25)" },
        { "min-height", 0, OPTION_DOUBLE, &e.min_height, "PX", "lower truth is ignored (default 0)" },
        { "names", 0, OPTION_TEXT, &e.names, "FILE", "class names for YOLO labels, one a line" },
        { "size", 0, OPTION_TEXT, &e.size, "WxH", "pictures' size for YOLO labels (default: as the lines say)" },
        { "require", 0, OPTION_DOUBLE, &e.require, "X", "exit status 1 if AP50 is below X" },
        { "quiet", 'q', OPTION_FLAG, &e.quiet, NULL, "no remark on detections of other classes" },
        { NULL },
    };
    const verb_usage usage = {
        .verb = "eval",
        .arguments = "TRUTH [DETECTIONS]",
        .text = "Measures detections against the truth as COCO does.\n\n"
                "TRUTH is COCO annotations (JSON), a folder of YOLO label files, or JSON lines with \"truth\" "
                "(onnxtestscene !\n"
                "onnxpublish). DETECTIONS is COCO results (JSON) or JSON lines of onnxpublish, onyx detect --json or "
                "DL Streamer;\n"
                "without it, they are on the truth's lines. Lines find their picture by file name, else by timestamp "
                "where the\n"
                "truth has them, else by order. A detection's class is found by name, else by number.",
        .options = options,
        .min_arguments = 1,
        .max_arguments = 2,
    };
    int count, status;
    if (!options_parse(&usage, argc, argv, &count, &status))
        return finished("eval", status);
    if (!read_options(&e))
        return EXIT_MISUSED;
    if (same_file(e.plot, argv[0]) || (count > 1 && same_file(e.plot, argv[1])))
        return misused("eval", "%s is read, so it cannot be written", e.plot);
    return finished("eval", measure(&e, argv[0], count > 1 ? argv[1] : argv[0]));
}
