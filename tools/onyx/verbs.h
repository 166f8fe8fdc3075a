/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The verbs. argv[0] is the verb's name; each returns an exit status. */
#ifndef ONYX_TOOLS_VERBS_H
#define ONYX_TOOLS_VERBS_H

int verb_info(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_conformance(int argc, char **argv);
int verb_bench(int argc, char **argv);
int verb_profile(int argc, char **argv);
int verb_graph(int argc, char **argv);
int verb_detect(int argc, char **argv);
int verb_eval(int argc, char **argv);
int verb_operators(int argc, char **argv);

#endif
