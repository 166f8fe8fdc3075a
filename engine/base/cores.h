/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The cores that this process may use, and where its threads run on them. */
#ifndef ONYX_BASE_CORES_H
#define ONYX_BASE_CORES_H

#include <stdbool.h>

/* Cores of the affinity mask, cut by the control groups' quota; at least 1. */
int cores_available(void);
/* The core that this thread runs on now, or -1. */
int cores_current(void);
/* Keeps the calling thread off the `count` cores in `taken` (entries < 0 are ignored): on one of the process's other
 * cores, or with `one` false on any of them. False, and nothing changed, when there is no other. */
bool cores_keep_off(const int *taken, int count, bool one);

/* Puts the calling thread on the process's core of that number, counted round. Best effort. */
void cores_pin(int number);

#endif
