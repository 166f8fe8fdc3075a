/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What this machine can do at most: the denominator of `onyx profile`. */
#ifndef ONYX_TOOLS_PEAK_H
#define ONYX_TOOLS_PEAK_H

/* float32 operations (2 per multiply-add) per second of `threads` threads that do nothing but independent fused
 * multiply-adds in the widest registers that ONYX_CPU allows; measured now, takes about 0.1 s. */
double peak_flops(int threads);

#endif
