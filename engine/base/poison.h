/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Under AddressSanitizer the blocks of our own allocators are kept apart by bytes that must not be touched. */
#ifndef ONYX_BASE_POISON_H
#define ONYX_BASE_POISON_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMORY_POISON 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(MEMORY_POISON)
#include <sanitizer/asan_interface.h>
#define MEMORY_GAP 16 /* bytes behind each block */
#define memory_hide(data, bytes) __asan_poison_memory_region(data, bytes)
#define memory_show(data, bytes) __asan_unpoison_memory_region(data, bytes)
#else
#define MEMORY_GAP 0
#define memory_hide(data, bytes) ((void)0)
#define memory_show(data, bytes) ((void)0)
#endif

#endif
