/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Sweeps over what the public suite covers thinly. Expected values come from straightforward loops in double here,
 * which share nothing with the kernels. */
#ifndef ONYX_TESTS_OPS_OWN_H
#define ONYX_TESTS_OPS_OWN_H

#include "runner.h"

/* A tensor with room for its data; owned by the runner. */
onyx_tensor own_tensor(runner *r, onyx_type type, int rank, const int64_t *dims);
/* Random numbers in [low, high] (whole ones for integers), from a seed that every sweep sets itself. */
void own_seed(uint32_t seed);
uint32_t own_random(void);
int64_t own_random_in(int64_t low, int64_t high);
void own_fill(onyx_tensor *tensor, double low, double high);
double own_get(const onyx_tensor *tensor, size_t i);
size_t own_count(const onyx_tensor *tensor);

op_attribute own_int(const char *name, int64_t value);
op_attribute own_float(const char *name, float value);
op_attribute own_string(const char *name, const char *value);
op_attribute own_ints(const char *name, const int64_t *values, int count);

/* Counted checks for programs of several files; own_done is the last thing that main returns. */
bool own_check(bool ok, const char *format, ...) ONYX_PRINTF(2, 3);
int own_done(void);
/* Compares with expected values; |difference| <= absolute + relative * |expected|. Counts one check. */
void own_compare(const char *what, const onyx_tensor *actual, int rank, const int64_t *dims, const double *expected,
                 double relative, double absolute);

void own_windows(void); /* Conv, ConvTranspose, QLinearConv, pools */
void own_resize(void);
void own_grid(void);
void own_elements(void); /* broadcasting, integers, special values, slices */
void own_fused(void);
void own_quantised(void); /* the quantised operators of the onyx domain */
void own_products(void);
void own_regions(void); /* what reads between pixels, transforms, random numbers */

#endif
