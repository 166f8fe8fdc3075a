/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Programs behind verbs: what needs GLib is a program of its own, so that every other verb starts without it. */
#ifndef ONYX_TOOLS_HELPER_H
#define ONYX_TOOLS_HELPER_H

/* Becomes the program `name`, which lies beside this one (a build folder) or where it was installed. Returns only if
 * that fails, an exit status, after an explanation: `without` says what this build lacks. */
int helper_run(const char *verb, const char *name, char **argv, const char *without);

#endif
