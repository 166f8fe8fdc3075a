/* SPDX-License-Identifier: BSD-2-Clause
 *
 * /proc/self/cgroup names the group; its limits and its parents' are files beneath /sys/fs/cgroup. In a container the
 * named folder may not be mounted: then only the parents that exist count. */
#include "base/cgroup.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"

#define PATH_SIZE 4096

/* The first `size - 1` bytes of a small file, terminated; false where it cannot be read. */
static bool read_small(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = fread(text, 1, size - 1, file);
    fclose(file);
    text[length] = '\0';
    return length > 0;
}

/* Cores in thousandths, from cpu.max ("quota period" or "max period") or the two files of version 1; 0: no limit. */
static int64_t folder_quota(const char *folder, bool unified)
{
    char path[PATH_SIZE + 64], text[128];
    int64_t quota, period;
    snprintf(path, sizeof path, "%s/%s", folder, unified ? "cpu.max" : "cpu.cfs_quota_us");
    if (!read_small(path, text, sizeof text))
        return 0;
    char *end;
    quota = strtoll(text, &end, 10);
    if (end == text || quota <= 0 || quota > INT64_MAX / 1000)
        return 0;
    if (!unified) {
        snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
        if (!read_small(path, text, sizeof text))
            return 0;
        end = text;
    }
    period = strtoll(end, NULL, 10);
    return period > 0 ? MAX(quota * 1000 / period, 1) : 0;
}

/* The smallest quota from `group` up to the mount; cuts `group`. */
static int64_t smallest_quota(const char *mount, char *group, bool unified)
{
    int64_t smallest = 0;
    for (;;) {
        char folder[PATH_SIZE];
        int written = snprintf(folder, sizeof folder, "%s%s", mount, group);
        if (written > 0 && (size_t)written < sizeof folder) {
            int64_t quota = folder_quota(folder, unified);
            if (quota && (!smallest || quota < smallest))
                smallest = quota;
        }
        char *slash = strrchr(group, '/');
        if (!slash)
            return smallest;
        *slash = '\0';
    }
}

/* Whether "cpu" is one of the comma-separated controllers. */
static bool has_cpu(const char *controllers)
{
    for (const char *word = controllers; *word; word += strcspn(word, ","), word += *word == ',')
        if (strcspn(word, ",") == 3 && strncmp(word, "cpu", 3) == 0)
            return true;
    return false;
}

int cgroup_quota_cores(const char *root)
{
    char path[PATH_SIZE], line[PATH_SIZE];
    int64_t smallest = 0;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file)) { /* hierarchy:controllers:path */
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *controllers++ = '\0';
        *group++ = '\0';
        bool unified = *controllers == '\0';
        if (!unified && !has_cpu(controllers))
            continue;
        char mount[PATH_SIZE], rest[PATH_SIZE];
        snprintf(rest, sizeof rest, "%s", group);
        if (snprintf(mount, sizeof mount, "%s/sys/fs/cgroup%s%s", root, unified ? "" : "/", controllers) < 0)
            continue;
        if (!unified && access(mount, F_OK) != 0) /* mounted as "cpu,cpuacct" but listed the other way round */
            snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/cpu", root);
        int64_t quota = smallest_quota(mount, rest, unified);
        if (quota && (!smallest || quota < smallest))
            smallest = quota;
    }
    fclose(file);
    return smallest ? (int)MIN(MAX(smallest / 1000, 1), 1 << 20) : 0;
}
