/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx: shows, checks and measures models. One row per verb; each verb is a file of its own. */
#include "command.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

static const struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} verbs[] = {
    { "info", verb_info, "what a model is: inputs, outputs, operators, size, memory" },
    { "run", verb_run, "run a model on stored inputs and compare with stored outputs" },
    { "conformance", verb_conformance, "run folders of ONNX backend tests" },
    { "bench", verb_bench, "time a model" },
    { "profile", verb_profile, "time every step of a model, against the machine's peak" },
    { "graph", verb_graph, "print a model's graph as text or DOT" },
    { "detect", verb_detect, "find objects in a picture or video" },
    { "eval", verb_eval, "how good detections are: COCO's average precision, precision and recall" },
    { "operators", verb_operators, "list the operators of this build" },
};
enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

static void print_help(void)
{
    printf("usage: onyx VERB [options] ...\n\n");
    for (int i = 0; i < VERB_COUNT; i++)
        printf("  %-12s %s\n", verbs[i].name, verbs[i].summary);
    printf("\nonyx VERB --help says more; onyx --version prints the version and the instruction set in use.\n"
           "exit status: 0 done, 1 found wanting, 2 misused\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "onyx: no verb given\n");
        fprintf(stderr, "try: onyx --help\n");
        return EXIT_MISUSED;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_help();
        return finished(NULL, EXIT_DONE);
    }
    if (strcmp(word, "--version") == 0) {
        printf("onyx %s (%s)\n", onyx_version(), onyx_cpu_name());
        return finished(NULL, EXIT_DONE);
    }
    const char *names[VERB_COUNT];
    for (int i = 0; i < VERB_COUNT; i++) {
        names[i] = verbs[i].name;
        if (strcmp(word, names[i]) == 0)
            return finished(word, verbs[i].run(argc - 1, argv + 1));
    }
    const char *near = nearest_word(word, names, VERB_COUNT);
    if (near)
        return misused(NULL, "unknown verb \"%s\"; did you mean \"%s\"?", word, near);
    return misused(NULL, "unknown verb \"%s\"", word);
}
