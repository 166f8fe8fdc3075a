/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A small network of the usual layers with free height and width, made in memory, and its runs: for tests of what the
 * runtime shares between shapes, sessions and threads. */
#ifndef ONYX_TESTS_RUN_NET_H
#define ONYX_TESTS_RUN_NET_H

#include "../model/wire_writer.h"
#include "check.h"
#include "onyx.h"

/* x [1, 3, ?, ?] -> convolutions of every algorithm, BatchNormalization, pooling, a product -> y [1, 40]. */
writer net_bytes(void);
/* One tensor that fixes the shape of x. */
onyx_tensor net_shape(int height, int width);
/* A session for the shape, filled with noise of `seed`; one failed check and NULL where it cannot be had. */
onyx_session *net_session(onyx_model *model, int height, int width, uint32_t seed);
/* Runs and copies y; false after a failed check. */
bool net_run(onyx_session *session, float y[40]);
enum { NET_OUTPUTS = 40 };

#endif
