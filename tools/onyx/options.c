/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Options of all verbs: a table per verb says name, kind and place; one parser reads argv by it and writes --help
 * from it, so that help cannot lag behind. */
#include "command.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void complain(const char *verb, const char *format, va_list arguments)
{
    fprintf(stderr, "onyx%s%s: ", verb ? " " : "", verb ? verb : "");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int misused(const char *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(verb, format, arguments);
    va_end(arguments);
    fprintf(stderr, "try: onyx%s%s --help\n", verb ? " " : "", verb ? verb : "");
    return EXIT_MISUSED;
}

int wanting(const char *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(verb, format, arguments);
    va_end(arguments);
    return EXIT_WANTING;
}

int failed_call(const char *verb, onyx_status status, const onyx_error *error)
{
    return status == ONYX_ERROR_ARGUMENT ? misused(verb, "%s", error->message) : wanting(verb, "%s", error->message);
}

int finished(const char *verb, int status)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    return wanting(verb, "the standard output cannot be written: %s", strerror(errno ? errno : EIO));
}

bool same_file(const char *a, const char *b)
{
    struct stat first, second;
    return a && b && stat(a, &first) == 0 && stat(b, &second) == 0 && S_ISREG(first.st_mode) &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* Levenshtein distance; words longer than the table count as far. */
static int distance(const char *a, const char *b)
{
    enum { LONGEST = 32 };
    int row[LONGEST + 1];
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > LONGEST || b_length > LONGEST)
        return INT_MAX;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= a_length; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= b_length; j++) {
            int above = row[j];
            int best = diagonal + (a[i - 1] != b[j - 1]);
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[b_length];
}

const char *nearest_word(const char *word, const char *const *candidates, int count)
{
    const char *best = NULL;
    int best_distance = 3;
    for (int i = 0; i < count; i++) {
        size_t length = strlen(word);
        int d = length >= 3 && strncmp(word, candidates[i], length) == 0 ? 1 : distance(word, candidates[i]);
        if (d < best_distance) {
            best = candidates[i];
            best_distance = d;
        }
    }
    return best;
}

static void print_option(const option *o)
{
    char left[64];
    char letter[8] = "    ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->argument ? " " : "", o->argument ? o->argument : "");
    printf("  %-28s %s\n", left, o->help);
}

static void print_help(const verb_usage *usage)
{
    printf("usage: onyx %s [options]%s%s\n\n%s\n\noptions:\n", usage->verb, *usage->arguments ? " " : "",
           usage->arguments, usage->text);
    for (const option *o = usage->options; o && o->name; o++)
        print_option(o);
    print_option(&(option){ .name = "help", .letter = 'h', .help = "print this" });
    printf("\nexit status: 0 done, 1 found wanting, 2 misused\n");
}

static const option *find_long(const verb_usage *usage, const char *name, size_t length)
{
    for (const option *o = usage->options; o && o->name; o++)
        if (strlen(o->name) == length && strncmp(o->name, name, length) == 0)
            return o;
    return NULL;
}

static const option *find_letter(const verb_usage *usage, char letter)
{
    for (const option *o = usage->options; o && o->name; o++)
        if (o->letter == letter)
            return o;
    return NULL;
}

static void unknown_option(const verb_usage *usage, const char *name, size_t length)
{
    const char *names[64];
    char word[64];
    int count = 0;
    for (const option *o = usage->options; o && o->name && count < 64; o++)
        names[count++] = o->name;
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), name);
    const char *near = nearest_word(word, names, count);
    if (near)
        misused(usage->verb, "unknown option --%s; did you mean --%s?", word, near);
    else
        misused(usage->verb, "unknown option --%s", word);
}

/* Stores a value by the option's kind; false after an explanation. */
static bool store(const verb_usage *usage, const option *o, const char *text)
{
    char *end = NULL;
    errno = 0;
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)o->value = true;
        return true;
    case OPTION_INT: {
        long value = strtol(text, &end, 10);
        if (end == text || *end || errno || value < o->minimum || value > INT_MAX) {
            misused(usage->verb, "--%s wants a whole number >= %d, not \"%s\"", o->name, o->minimum, text);
            return false;
        }
        *(int *)o->value = (int)value;
        return true;
    }
    case OPTION_DOUBLE: {
        double value = strtod(text, &end);
        if (end == text || *end || !isfinite(value) || value < 0 || (o->maximum > 0 && value > o->maximum)) {
            if (o->maximum > 0)
                misused(usage->verb, "--%s wants a number from 0 to %g, not \"%s\"", o->name, o->maximum, text);
            else
                misused(usage->verb, "--%s wants a number >= 0, not \"%s\"", o->name, text);
            return false;
        }
        *(double *)o->value = value;
        return true;
    }
    case OPTION_TEXT:
        *(const char **)o->value = text;
        return true;
    case OPTION_LIST: {
        option_list *list = o->value;
        if (list->count == OPTION_LIST_MAX) {
            misused(usage->verb, "--%s may be given at most %d times", o->name, OPTION_LIST_MAX);
            return false;
        }
        list->items[list->count++] = text;
        return true;
    }
    }
    return false;
}

/* One word that starts with a dash, and its value; moves *i on. False: stop with *status. */
static bool take_option(const verb_usage *usage, int argc, char **argv, int *i, int *status)
{
    const char *word = argv[*i];
    const option *o;
    const char *value = NULL;
    *status = EXIT_MISUSED;
    if (word[1] == '-') {
        const char *equals = strchr(word, '=');
        size_t length = equals ? (size_t)(equals - word) - 2 : strlen(word) - 2;
        if (strcmp(word, "--help") == 0)
            goto help;
        o = find_long(usage, word + 2, length);
        if (!o) {
            unknown_option(usage, word + 2, length);
            return false;
        }
        value = equals ? equals + 1 : NULL;
    } else {
        if (word[1] == 'h')
            goto help;
        o = find_letter(usage, word[1]);
        if (!o) {
            misused(usage->verb, "unknown option -%c", word[1]);
            return false;
        }
        value = word[2] ? word + 2 : NULL;
    }
    if (o->kind == OPTION_FLAG && value) {
        misused(usage->verb, "--%s takes no value", o->name);
        return false;
    }
    if (o->kind != OPTION_FLAG && !value) {
        if (*i + 1 >= argc) {
            misused(usage->verb, "--%s wants a value: %s", o->name, o->argument);
            return false;
        }
        value = argv[++*i];
    }
    return store(usage, o, value);

help:
    print_help(usage);
    *status = EXIT_DONE;
    return false;
}

bool options_parse(const verb_usage *usage, int argc, char **argv, int *count, int *status)
{
    bool options = true;
    *count = 0;
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && argv[i][0] == '-' && argv[i][1]) {
            if (!take_option(usage, argc, argv, &i, status))
                return false;
        } else {
            argv[(*count)++] = argv[i];
        }
    }
    if (*count < usage->min_arguments) {
        *status = misused(usage->verb, "missing argument; usage: onyx %s [options] %s", usage->verb, usage->arguments);
        return false;
    }
    if (*count > usage->max_arguments) {
        *status = misused(usage->verb, "one argument too many: \"%s\"", argv[usage->max_arguments]);
        return false;
    }
    return true;
}
