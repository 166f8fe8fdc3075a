/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The columns of a tile: neighbours, weights, and the windows through which `sample` sees them. */
#include "vision/columns.h"

#include <string.h>

#include "base/size.h"

enum { PLACES = 6, MANY_PLACES = 99 };

/* Binary places of numbers whose 64-folds are ored in `parts`. */
static int places_of(int parts)
{
    int places = PLACES;
    for (; places > 0 && !(parts & 1); places--)
        parts >>= 1;
    return places;
}

int binary_places(double weight)
{
    double parts = weight * (1 << PLACES);
    return parts == (int)parts ? places_of((int)parts) : MANY_PLACES;
}

/* The bytes of a window in which columns first .. last - 1 find their neighbours. */
static int extent(const column_taps *taps, int first, int last, int step, int last_place)
{
    return (taps->index[last - 1] + 1 - taps->index[first]) * step + last_place + 1;
}

static void make_picks(column_taps *taps, int count, int step, int last_place)
{
    int windows = 1, share = VISION_BLOCK;
    for (; windows <= 8; windows *= 2, share /= 2) {
        int widest = 0;
        for (int i = 0; i < count; i += share)
            widest = MAX(widest, extent(taps, i, MIN(i + share, count), step, last_place));
        if (widest <= VISION_WINDOW)
            break;
    }
    taps->picks = (vision_picks){ windows <= 8 ? windows : 0, taps->starts, taps->pairs, taps->weight };
    if (windows > 8)
        return;
    int blocks = (count + VISION_BLOCK - 1) / VISION_BLOCK, whole = blocks * VISION_BLOCK;
    for (int k = 0; k < blocks * windows; k++)
        taps->starts[k] = k * share < count ? taps->index[k * share] * step : 0;
    for (int i = 0; i < count; i++) {
        int place = (taps->index[i] - taps->index[i / share * share]) * step;
        taps->pairs[2 * i] = (uint8_t)place;
        taps->pairs[2 * i + 1] = (uint8_t)(place + step);
    }
    memset(taps->pairs + 2 * (size_t)count, 0, 2 * (size_t)(whole - count));
    memset(taps->weight + count, 0, (size_t)(whole - count) * sizeof taps->weight[0]);
}

void column_taps_make(const axis *a, int column, int count, int step, int last_place, column_taps *taps)
{
    int start = tap_at(a, column).low, parts = 0, inexact = 0;
    for (int i = 0; i < count; i++) {
        tap t = tap_at(a, column + i);
        int two = t.low != t.high;
        double weight = two ? t.weight : 0, fine = weight * (1 << PLACES);
        taps->index[i] = t.low - start;
        taps->step[i] = (int16_t)two;
        taps->exact[i] = t.weight;
        taps->weight[i] = (int16_t)(weight * 16384 + 0.5);
        inexact |= fine != (int)fine;
        parts |= (int)fine;
    }
    taps->start = start;
    taps->count = tap_at(a, column + count - 1).high - start + 1;
    taps->bits = inexact ? MANY_PLACES : places_of(parts);
    make_picks(taps, count, step, last_place);
}
