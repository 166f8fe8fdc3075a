/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How much processor time the control groups (v1 or v2) of this process leave it. */
#ifndef ONYX_BASE_CGROUP_H
#define ONYX_BASE_CGROUP_H

/* Whole cores within the smallest quota of this process's group and those above it, at least 1; 0 where there is no
 * quota. Rounded down: a group past its quota is stopped for the rest of the period. `root` is put before /proc and
 * /sys ("" in earnest; tests have their own tree). */
int cgroup_quota_cores(const char *root);

#endif
