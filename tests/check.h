/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The few lines that every C test of the engine shares: counted checks that name what failed, and the closing line. */
#ifndef ONYX_TESTS_CHECK_H
#define ONYX_TESTS_CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static int check_passed, check_failed, check_skipped;

/* Counts one check; on failure prints file, line and the message. Returns ok. */
#define CHECK(ok, ...) check_report((ok), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 4, 5), unused)) static bool check_report(bool ok, const char *file, int line,
                                                                       const char *format, ...)
{
    if (ok) {
        check_passed++;
        return true;
    }
    check_failed++;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stdout, "FAILED %s:%d: ", file, line);
    vfprintf(stdout, format, arguments);
    fputc('\n', stdout);
    va_end(arguments);
    return false;
}

__attribute__((unused)) static void check_skip(const char *why)
{
    check_skipped++;
    printf("SKIPPED: %s\n", why);
}

/* The folder with models and pictures: $ONYX_SHARED, else ../shared beside the source tree (ONYX_SOURCE_DIR, from
 * meson). */
__attribute__((unused)) static const char *check_shared(void)
{
    const char *shared = getenv("ONYX_SHARED");
#ifdef ONYX_SOURCE_DIR
    return shared ? shared : ONYX_SOURCE_DIR "/../shared";
#else
    return shared ? shared : "../shared";
#endif
}

/* The last thing main returns. */
__attribute__((unused)) static int check_done(void)
{
    printf("%d passed, %d failed, %d skipped\n", check_passed, check_failed, check_skipped);
    return check_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
