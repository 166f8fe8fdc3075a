/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the verbs of the command share: exit statuses, options, and how a session is made from a model and its
 * options. A verb is one function in a file of its own, named in the table of main.c. */
#ifndef ONYX_TOOLS_COMMAND_H
#define ONYX_TOOLS_COMMAND_H

#include "onyx.h"

enum { EXIT_DONE = 0, EXIT_WANTING = 1, EXIT_MISUSED = 2 };

/* ---- options ---- */

typedef enum option_kind {
    OPTION_FLAG,   /* value: bool */
    OPTION_INT,    /* value: int, must be >= minimum */
    OPTION_DOUBLE, /* value: double, finite, >= 0, and at most `maximum` where that is not 0 */
    OPTION_TEXT,   /* value: const char * */
    OPTION_LIST    /* value: option_list, may be given again */
} option_kind;

#define OPTION_LIST_MAX 32

typedef struct option_list {
    const char *items[OPTION_LIST_MAX];
    int count;
} option_list;

typedef struct option {
    const char *name; /* without the dashes; NULL ends a table */
    char letter;      /* 0: none */
    option_kind kind;
    void *value;
    const char *argument; /* what --help calls the value; NULL for flags */
    const char *help;
    int minimum;
    double maximum;
} option;

typedef struct verb_usage {
    const char *verb;
    const char *arguments; /* "MODEL" */
    const char *text;      /* what the verb does, whole sentences */
    const option *options; /* ends with name NULL; --help is understood without being there */
    int min_arguments, max_arguments;
} verb_usage;

/* Parses argv[1...]. Positional arguments are moved to argv[0...count-1]. Returns true when the verb should go on;
 * false when it should return *status (help was printed, or the misuse was explained on stderr). */
bool options_parse(const verb_usage *usage, int argc, char **argv, int *count, int *status);
/* "onyx VERB: message" and where help is found, on stderr; returns EXIT_MISUSED. */
int misused(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "onyx VERB: message" on stderr; returns EXIT_WANTING. */
int wanting(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One of the two for a call that failed: misused where the arguments are at fault. */
int failed_call(const char *verb, onyx_status status, const onyx_error *error);
/* What is left to print is written; the status, or EXIT_WANTING after a message when the standard output did not take
 * all of it. */
int finished(const char *verb, int status);
/* Whether two names are one regular file, as what is read and what is written must not be. NULL is no file. */
bool same_file(const char *a, const char *b);
/* The candidate that is nearest to a mistyped word, or NULL when none is near. */
const char *nearest_word(const char *word, const char *const *candidates, int count);

/* ---- models and sessions ---- */

/* The options that all verbs which run a model share; put RUN_OPTIONS(wish) in their table. */
typedef struct run_wish {
    int threads;
    const char *precision;
    option_list dims; /* name=n */
    bool unoptimised;
    const char *disable_pass;
} run_wish;

/* clang-format off */
#define RUN_OPTIONS(wish)                                                                                             \
    { "threads", 't', OPTION_INT, &(wish).threads, "N", "threads of one run; 0: all cores this process may use" },    \
    { "precision", 'p', OPTION_TEXT, &(wish).precision, "P", "auto, fp32, strict, bf16 or fp16 (default auto)" },     \
    { "dim", 'd', OPTION_LIST, &(wish).dims, "NAME=N",                                                                \
      "fix a free dimension, by its name or as INPUT:AXIS=N; may be given again" },                                   \
    { "unoptimised", 0, OPTION_FLAG, &(wish).unoptimised, NULL, "run every node by its reference kernel" },           \
    { "disable-pass", 0, OPTION_TEXT, &(wish).disable_pass, "NAMES", "passes to leave out, comma-separated" }
/* clang-format on */

/* Turns the wish into engine options; false after an explanation on stderr. */
bool run_options(const char *verb, const run_wish *wish, onyx_options *options);
/* A session with --dim applied. Errors: the engine's, and ARGUMENT for a --dim that names no free dimension. */
onyx_status run_session(onyx_model *model, const run_wish *wish, onyx_session **session, onyx_error *error);
/* Fills all inputs with repeatable noise: floats in 0..1, uint8 and int8 over their range, other integers 1. */
onyx_status run_fill_noise(const onyx_model *model, onyx_session *session, onyx_error *error);

int64_t clock_ns(void);
/* "1x3x640x640" or "batchx3x?x?"; text has room for size bytes. */
void dims_text(char *text, size_t size, int rank, const int64_t *dims, const char *const *names);
/* Peak resident set of this process: VmHWM of /proc/self/status, in MB (2^20); 0 where unknown. */
double peak_rss_mb(void);
/* The processor's name as the system tells it. */
void processor_name(char *text, size_t size);

#endif
