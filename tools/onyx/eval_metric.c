/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Matching picture by picture, then precision over recall. The order of everything is pycocotools': detections by
 * falling score, stable; truth that counts before truth that is ignored; pictures by id. */
#include "eval_metric.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define TOP 100

static const double size_limits[EVAL_SIZES][2] = { [EVAL_ALL] = { 0, 1e10 },
                                                   [EVAL_SMALL] = { 0, 32 * 32 },
                                                   [EVAL_MEDIUM] = { 32 * 32, 96 * 96 },
                                                   [EVAL_LARGE] = { 96 * 96, 1e10 } };
static const guint tops[EVAL_TOPS] = { 1, 10, 100 };

/* What became of one detection, a bit per IoU. */
typedef struct verdict {
    double score;
    guint rank; /* in its picture and class */
    guint order;
    guint16 matched, ignored;
} verdict;

/* One picture and class. */
typedef struct scene_of {
    GPtrArray *truth, *found; /* eval_box; found by falling score, TOP at most */
    double *iou;              /* found x truth */
} scene_of;

/* A detection and its place in the file. */
typedef struct placed {
    eval_box *box;
    guint place;
} placed;

static int by_score(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    if (x->box->score != y->box->score)
        return x->box->score > y->box->score ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static double overlap(const eval_box *found, const eval_box *truth)
{
    double w = fmin(found->w + found->x, truth->w + truth->x) - fmax(found->x, truth->x);
    double h = fmin(found->h + found->y, truth->h + truth->y) - fmax(found->y, truth->y);
    if (w <= 0 || h <= 0)
        return 0;
    double both = w * h, own = found->w * found->h;
    return both / (truth->crowd ? own : own + truth->w * truth->h - both);
}

static void gather(GPtrArray *to, GArray *boxes, guint first, guint n, int class)
{
    g_ptr_array_set_size(to, 0);
    for (guint i = first; i < first + n; i++) {
        eval_box *box = &g_array_index(boxes, eval_box, i);
        if (class < 0 || box->class == (guint) class)
            g_ptr_array_add(to, box);
    }
}

/* pycocotools looks at one class after the other when classes are ignored; so does this. */
static void gather_all(GPtrArray *to, const eval_set *set, GArray *boxes, guint first, guint n, int class)
{
    if (class >= 0) {
        gather(to, boxes, first, n, class);
        return;
    }
    g_ptr_array_set_size(to, 0);
    for (guint k = 0; k < set->classes->len; k++)
        for (guint i = first; i < first + n; i++) {
            eval_box *box = &g_array_index(boxes, eval_box, i);
            if (box->class == k)
                g_ptr_array_add(to, box);
        }
}

/* Stable by falling score. */
static void sort_found(GPtrArray *found)
{
    placed *order = g_new(placed, found->len + 1);
    for (guint i = 0; i < found->len; i++)
        order[i] = (placed){ found->pdata[i], i };
    qsort(order, found->len, sizeof *order, by_score);
    for (guint i = 0; i < found->len; i++)
        found->pdata[i] = order[i].box;
    g_free(order);
}

static gboolean outside(const eval_box *box, eval_size size)
{
    return box->area < size_limits[size][0] || box->area > size_limits[size][1];
}

/* The truth that a detection takes at this IoU: -1 none. `order` has the truth that counts in front. */
static int best_truth(const scene_of *s, guint d, double threshold, const guint *order, const gboolean *ignored,
                      const gboolean *taken)
{
    double least = fmin(threshold, 1 - 1e-10);
    int best = -1;
    for (guint i = 0; i < s->truth->len; i++) {
        guint g = order[i];
        const eval_box *truth = s->truth->pdata[g];
        if (taken[g] && !truth->crowd)
            continue;
        if (best >= 0 && !ignored[best] && ignored[g])
            break;
        double iou = s->iou[(gsize)d * s->truth->len + g];
        if (iou < least)
            continue;
        least = iou;
        best = (int)g;
    }
    return best;
}

/* Appends a verdict per detection; returns how many boxes of truth count. */
static guint judge(const scene_of *s, eval_size size, GArray *verdicts)
{
    guint n = s->truth->len, counted = 0, at = 0, first = verdicts->len;
    guint *order = g_new0(guint, n + 1);
    gboolean *ignored = g_new0(gboolean, n + 1), *taken = g_new0(gboolean, n + 1);
    for (guint g = 0; g < n; g++) {
        const eval_box *truth = s->truth->pdata[g];
        ignored[g] = truth->ignore || outside(truth, size);
        counted += !ignored[g];
    }
    for (int pass = 0; pass < 2; pass++)
        for (guint g = 0; g < n; g++)
            if (ignored[g] == pass)
                order[at++] = g;
    for (guint d = 0; d < s->found->len; d++) {
        const eval_box *found = s->found->pdata[d];
        verdict v = { .score = found->score, .rank = d, .order = first + d };
        g_array_append_val(verdicts, v);
    }
    for (int t = 0; t < EVAL_IOUS; t++) {
        memset(taken, 0, (n + 1) * sizeof *taken);
        for (guint d = 0; d < s->found->len; d++) {
            verdict *v = &g_array_index(verdicts, verdict, first + d);
            int g = best_truth(s, d, 0.5 + t * ((0.95 - 0.5) / 9), order, ignored, taken);
            if (g >= 0) {
                taken[g] = TRUE;
                v->matched |= (guint16)(1u << t);
            }
            if (g >= 0 ? ignored[g] : outside(s->found->pdata[d], size))
                v->ignored |= (guint16)(1u << t);
        }
    }
    g_free(order);
    g_free(ignored);
    g_free(taken);
    return counted;
}

static gint by_falling_score(gconstpointer a, gconstpointer b)
{
    const verdict *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Precision at the fixed recalls, at one IoU, from sorted verdicts; returns the recall reached. */
static double walk(const GArray *verdicts, int t, guint top, guint counted, double *precision, double *score)
{
    guint n = 0;
    double *pr = g_new(double, verdicts->len + 1), *rc = g_new(double, verdicts->len + 1),
           *sc = g_new(double, verdicts->len + 1);
    double right = 0, wrong = 0, reached = 0;
    for (guint i = 0; i < verdicts->len; i++) {
        const verdict *v = &g_array_index(verdicts, verdict, i);
        if (v->rank >= top)
            continue;
        if (!(v->ignored >> t & 1)) {
            if (v->matched >> t & 1)
                right++;
            else
                wrong++;
        }
        rc[n] = reached = right / counted;
        pr[n] = right / (wrong + right + DBL_EPSILON);
        sc[n++] = v->score;
    }
    for (guint i = n; i-- > 1;)
        pr[i - 1] = fmax(pr[i - 1], pr[i]);
    guint at = 0;
    for (int r = 0; precision && r < EVAL_RECALLS; r++) {
        double wanted = r == EVAL_RECALLS - 1 ? 1.0 : r * 0.01;
        while (at < n && rc[at] < wanted)
            at++;
        precision[r] = at < n ? pr[at] : 0;
        if (score)
            score[r] = at < n ? sc[at] : -1;
    }
    g_free(pr);
    g_free(rc);
    g_free(sc);
    return reached;
}

static void measure_class(const eval_set *set, int class, eval_curve *curve)
{
    GArray *verdicts[EVAL_SIZES];
    guint counted[EVAL_SIZES] = { 0 };
    scene_of s = { .truth = g_ptr_array_new(), .found = g_ptr_array_new() };
    for (int a = 0; a < EVAL_SIZES; a++)
        verdicts[a] = g_array_new(FALSE, FALSE, sizeof(verdict));
    for (guint p = 0; p < set->pictures->len; p++) {
        const eval_picture *picture = eval_set_picture(set, p);
        gather_all(s.truth, set, set->truth, picture->first_truth, picture->n_truth, class);
        gather_all(s.found, set, set->found, picture->first_found, picture->n_found, class);
        sort_found(s.found);
        if (s.found->len > TOP)
            g_ptr_array_set_size(s.found, TOP);
        s.iou = g_new(double, (gsize)s.truth->len *s.found->len + 1);
        for (guint d = 0; d < s.found->len; d++)
            for (guint g = 0; g < s.truth->len; g++)
                s.iou[(gsize)d * s.truth->len + g] = overlap(s.found->pdata[d], s.truth->pdata[g]);
        for (int a = 0; a < EVAL_SIZES; a++)
            counted[a] += judge(&s, (eval_size)a, verdicts[a]);
        g_free(s.iou);
    }
    curve->truth = counted[EVAL_ALL];
    for (int a = 0; a < EVAL_SIZES; a++) {
        g_array_sort(verdicts[a], by_falling_score);
        for (int t = 0; t < EVAL_IOUS; t++)
            for (int m = 0; m < EVAL_TOPS; m++) {
                double *precision = m == EVAL_TOP_100 ? curve->precision[a][t] : NULL;
                double *score = m == EVAL_TOP_100 && a == EVAL_ALL ? curve->score[t] : NULL;
                for (int r = 0; precision && r < EVAL_RECALLS; r++)
                    precision[r] = -1;
                for (int r = 0; score && r < EVAL_RECALLS; r++)
                    score[r] = -1;
                curve->recall[a][m][t] = -1;
                if (counted[a] > 0)
                    curve->recall[a][m][t] = walk(verdicts[a], t, tops[m], counted[a], precision, score);
            }
        g_array_unref(verdicts[a]);
    }
    g_ptr_array_unref(s.truth);
    g_ptr_array_unref(s.found);
}

eval_result *eval_measure(const eval_set *set, gboolean agnostic)
{
    eval_result *result = g_new0(eval_result, 1);
    result->n_curves = agnostic ? 1 : set->classes->len;
    result->curves = g_new0(eval_curve, MAX(result->n_curves, 1));
    for (guint k = 0; k < result->n_curves; k++)
        measure_class(set, agnostic ? -1 : (int)k, &result->curves[k]);
    return result;
}

void eval_result_free(eval_result *result)
{
    if (!result)
        return;
    g_free(result->curves);
    g_free(result);
}

double eval_precision(const eval_result *result, int curve, int iou, eval_size size)
{
    double sum = 0;
    guint n = 0;
    for (guint k = 0; k < result->n_curves; k++)
        for (int t = 0; t < EVAL_IOUS; t++)
            for (int r = 0; r < EVAL_RECALLS; r++) {
                double value = result->curves[k].precision[size][t][r];
                if ((curve >= 0 && (guint)curve != k) || (iou >= 0 && iou != t) || value < 0)
                    continue;
                sum += value;
                n++;
            }
    return n ? sum / n : -1;
}

double eval_recall(const eval_result *result, int curve, int iou, eval_size size, int top)
{
    double sum = 0;
    guint n = 0;
    for (guint k = 0; k < result->n_curves; k++)
        for (int t = 0; t < EVAL_IOUS; t++) {
            double value = result->curves[k].recall[size][top][t];
            if ((curve >= 0 && (guint)curve != k) || (iou >= 0 && iou != t) || value < 0)
                continue;
            sum += value;
            n++;
        }
    return n ? sum / n : -1;
}
