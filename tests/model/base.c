/* SPDX-License-Identifier: BSD-2-Clause
 *
 * base: sizes, memory, text, messages, and the small floats against their definitions in double precision. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/cpuid.h"
#include "base/memory.h"
#include "base/region.h"
#include "base/size.h"
#include "base/status.h"
#include "base/types.h"
#include "base/utf8.h"
#include "base/workers.h"
#include "check.h"

static void test_sizes(void)
{
    size_t n = 7;
    CHECK(!size_add(SIZE_MAX, 1, &n) && n == 7, "size_add overflows");
    CHECK(!size_mul(SIZE_MAX / 2, 3, &n) && n == 7, "size_mul overflows");
    CHECK(size_count((int64_t[]){ 2, 3, 4 }, 3, &n) && n == 24, "2x3x4 has %zu elements", n);
    CHECK(size_count(NULL, 0, &n) && n == 1, "a scalar has %zu elements", n);
    CHECK(!size_count((int64_t[]){ -1, 2 }, 2, &n), "a negative dimension passes");
    CHECK(!size_count((int64_t[]){ INT64_MAX, INT64_MAX }, 2, &n), "a huge shape passes");
    CHECK(size_count((int64_t[]){ INT64_MAX, INT64_MAX, 0 }, 3, &n) && n == 0, "an empty shape has %zu elements", n);
    CHECK(!size_count((int64_t[]){ 0, -1 }, 2, &n), "a negative dimension passes beside a zero");
}

static void test_type_sizes(void)
{
    size_t n = 0;
    CHECK(type_bytes(ONYX_TYPE_INT4, 3, &n) && n == 2, "3 int4 take %zu bytes", n);
    CHECK(type_bytes(ONYX_TYPE_UINT2, 9, &n) && n == 3, "9 uint2 take %zu bytes", n);
    CHECK(type_bytes(ONYX_TYPE_UINT2, SIZE_MAX, &n) && n == SIZE_MAX / 4 + 1, "SIZE_MAX uint2 take %zu bytes", n);
    CHECK(type_bytes(ONYX_TYPE_COMPLEX128, 2, &n) && n == 32, "2 complex128 take %zu bytes", n);
    CHECK(type_bytes(ONYX_TYPE_STRING, 2, &n) && n == 2 * sizeof(char *), "2 strings take %zu bytes", n);
    CHECK(!type_bytes(ONYX_TYPE_FLOAT32, SIZE_MAX / 2, &n), "type_bytes overflows");
    CHECK(!type_bytes(ONYX_TYPE_UNDEFINED, 1, &n) && !type_bytes((onyx_type)99, 1, &n), "unknown types have a size");
    CHECK(strcmp(onyx_type_name(ONYX_TYPE_FLOAT8E4M3FNUZ), "float8e4m3fnuz") == 0, "name of float8e4m3fnuz");
    CHECK(onyx_type_bits((onyx_type)-1) == 0 && onyx_type_name((onyx_type)1000) != NULL, "types out of range");
}

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

/* The definition of a small float, in double precision; `code` is without sign and finite. */
static double defined_value(int mantissa_bits, int bias, uint32_t code)
{
    uint32_t exponent = code >> mantissa_bits, mantissa = code & ((1u << mantissa_bits) - 1);
    if (exponent == 0)
        return ldexp((double)mantissa, 1 - bias - mantissa_bits);
    return ldexp((double)(mantissa | 1u << mantissa_bits), (int)exponent - bias - mantissa_bits);
}

static void test_halves(void)
{
    int wrong = 0;
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = half_to_float((uint16_t)h);
        uint32_t code = h & 0x7FFF;
        if (code > 0x7C00) {
            wrong += !isnan(f) || (float_to_half(f) & 0x7FFF) <= 0x7C00;
            continue;
        }
        double value = code == 0x7C00 ? INFINITY : defined_value(10, 15, code);
        wrong += f != (h & 0x8000 ? -value : value) || !signbit(f) != !(h >> 15) || float_to_half(f) != h;
    }
    CHECK(wrong == 0, "%d of 65536 halves convert wrongly", wrong);
    for (uint32_t h = 0; h < 0x7C00; h++) { /* between two neighbours: below, at and above the middle */
        double upper = h == 0x7BFF ? 65536 : defined_value(10, 15, h + 1);
        float middle = (float)((defined_value(10, 15, h) + upper) / 2);
        wrong += float_to_half(nextafterf(middle, 0)) != h || float_to_half(nextafterf(middle, INFINITY)) != h + 1 ||
                 float_to_half(middle) != h + (h & 1) || float_to_half(-middle) != (0x8000 | (h + (h & 1)));
    }
    CHECK(wrong == 0, "%d middles between halves round wrongly", wrong);
    CHECK(float_to_half(1e30f) == 0x7C00 && float_to_half(-1e-30f) == 0x8000, "halves out of range");
}

/* All at once and one by one give the same bits; an odd count, and with denormals flushed. */
static void test_many_halves(void)
{
    enum { COUNT = 0x10000 };
    static uint16_t halves[COUNT + 1];
    static float floats[COUNT + 1];
    for (uint32_t i = 0; i < COUNT; i++)
        halves[i] = (uint16_t)i;
    const unsigned mode = workers_set_float_mode();
    halves_to_floats(halves + 1, floats + 1, COUNT - 1);
    workers_restore_float_mode(mode);
    int wrong = floats[0] != 0 || floats[COUNT] != 0;
    for (uint32_t i = 1; i < COUNT; i++) {
        const float one = half_to_float((uint16_t)i);
        wrong += memcmp(&one, &floats[i], sizeof(one)) != 0;
    }
    CHECK(wrong == 0, "%d of 65535 halves convert otherwise than one by one", wrong);
}

static void test_bfloat16(void)
{
    int wrong = 0;
    for (uint32_t b = 0; b < 0x10000; b++) {
        float f = bfloat16_to_float((uint16_t)b);
        wrong += bits_of(f) != b << 16;
        if (isnan(f))
            wrong += !isnan(bfloat16_to_float(float_to_bfloat16(f)));
        else
            wrong += float_to_bfloat16(f) != b;
        if ((b & 0x7FFF) >= 0x7F80)
            continue;
        float middle;
        uint32_t u = b << 16 | 0x8000;
        memcpy(&middle, &u, 4);
        wrong += float_to_bfloat16(middle) != b + (b & 1);
    }
    CHECK(wrong == 0, "%d bfloat16 convert wrongly", wrong);
}

typedef struct small_case {
    onyx_type type;
    int exponent_bits, mantissa_bits, bias;
    uint32_t largest;
    bool infinity, negative_zero;
} small_case;

/* What Cast's table gives for a value: the nearest finite code (ties to even), or what lies past the largest. */
static int expected_code(const small_case *c, float value, bool saturate)
{
    uint32_t sign = signbit(value) ? 1u << (c->exponent_bits + c->mantissa_bits) : 0;
    double magnitude = fabs((double)value), best_distance = INFINITY;
    uint32_t best = 0;
    for (uint32_t code = 0; code <= c->largest + 1; code++) {
        double distance = fabs(defined_value(c->mantissa_bits, c->bias, code) - magnitude);
        if (distance < best_distance || (distance == best_distance && code % 2 == 0)) {
            best = code;
            best_distance = distance;
        }
    }
    if (best > c->largest) {
        if (saturate || c->type == ONYX_TYPE_FLOAT4E2M1)
            best = c->largest;
        else
            return -1; /* infinity or NaN: judged by the caller */
    }
    return best == 0 && !c->negative_zero ? 0 : (int)(best | sign);
}

static int small_codes_wrong(const small_case *c)
{
    int wrong = 0, bits = 1 + c->exponent_bits + c->mantissa_bits;
    for (uint32_t code = 0; code < 1u << bits; code++) {
        uint32_t magnitude = code & ((1u << (bits - 1)) - 1);
        bool negative = code >> (bits - 1);
        float f = small_float_to_float(c->type, (uint8_t)code);
        if (magnitude > c->largest || (!c->negative_zero && negative && magnitude == 0)) {
            bool infinite = c->infinity && magnitude == c->largest + 1;
            wrong += infinite ? !isinf(f) : !isnan(f);
            continue;
        }
        double value = defined_value(c->mantissa_bits, c->bias, magnitude);
        wrong += f != (negative ? -value : value) || float_to_small_float(c->type, f, true) != code ||
                 float_to_small_float(c->type, f, false) != code;
    }
    return wrong;
}

static int small_rounding_wrong(const small_case *c)
{
    int wrong = 0;
    for (uint32_t code = 0; code <= c->largest; code++) {
        double here = defined_value(c->mantissa_bits, c->bias, code);
        double next = defined_value(c->mantissa_bits, c->bias, code + 1);
        float middle = (float)((here + next) / 2);
        float probes[] = { middle, nextafterf(middle, 0), nextafterf(middle, INFINITY),
                           (float)(here + (next - here) / 4) };
        for (int i = 0; i < 8; i++) {
            float value = i < 4 ? probes[i] : -probes[i - 4];
            for (int saturate = 0; saturate < 2; saturate++) {
                int expected = expected_code(c, value, saturate);
                uint8_t got = float_to_small_float(c->type, value, saturate);
                float back = small_float_to_float(c->type, got);
                wrong += expected >= 0 ? got != expected : c->infinity ? !isinf(back) : !isnan(back);
            }
        }
    }
    return wrong;
}

static void test_small_floats(void)
{
    static const small_case cases[] = {
        { ONYX_TYPE_FLOAT8E4M3FN, 4, 3, 7, 0x7E, false, true },
        { ONYX_TYPE_FLOAT8E4M3FNUZ, 4, 3, 8, 0x7F, false, false },
        { ONYX_TYPE_FLOAT8E5M2, 5, 2, 15, 0x7B, true, true },
        { ONYX_TYPE_FLOAT8E5M2FNUZ, 5, 2, 16, 0x7F, false, false },
        { ONYX_TYPE_FLOAT4E2M1, 2, 1, 1, 0x7, false, true },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const small_case *c = &cases[i];
        const char *name = onyx_type_name(c->type);
        int wrong = small_codes_wrong(c);
        CHECK(wrong == 0, "%d codes of %s convert wrongly", wrong, name);
        wrong = small_rounding_wrong(c);
        CHECK(wrong == 0, "%d values round wrongly to %s", wrong, name);
        CHECK(float_to_small_float(c->type, INFINITY, true) == c->largest, "infinity saturates in %s", name);
        if (c->type != ONYX_TYPE_FLOAT4E2M1)
            CHECK(isnan(small_float_to_float(c->type, float_to_small_float(c->type, NAN, true))), "NaN in %s", name);
    }
}

static void test_float8e8m0(void)
{
    const onyx_type type = ONYX_TYPE_FLOAT8E8M0;
    int wrong = 0;
    for (int code = 0; code < 255; code++) {
        float f = small_float_to_float(type, (uint8_t)code);
        wrong += (double)f != ldexp(1, code - 127);
        wrong += float_to_small_float(type, f, true) != code;
        wrong += float_to_float8e8m0(f * 1.25f, TYPE_ROUND_UP, true) != MIN(code + 1, 254);
        wrong += float_to_float8e8m0(f * 1.25f, TYPE_ROUND_DOWN, true) != code;
        wrong += float_to_float8e8m0(f * 1.25f, TYPE_ROUND_NEAREST, true) != code;
        wrong += float_to_float8e8m0(f * 1.5f, TYPE_ROUND_NEAREST, true) != MIN(code + 1, 254);
        wrong += float_to_float8e8m0(f * 1.5f, TYPE_ROUND_NEAREST, false) != code + 1;
    }
    CHECK(wrong == 0, "%d conversions of float8e8m0 are wrong", wrong);
    CHECK(isnan(small_float_to_float(type, 255)) && float_to_small_float(type, NAN, true) == 255, "NaN of float8e8m0");
    CHECK(float_to_small_float(type, INFINITY, true) == 254 && float_to_small_float(type, INFINITY, false) == 255,
          "infinity as float8e8m0");
    CHECK(float_to_small_float(type, 0, true) == 0, "zero as float8e8m0");
}

static void test_memory(void)
{
    CHECK(!memory_alloc(SIZE_MAX) && !memory_alloc(SIZE_MAX - 70), "a huge allocation succeeds");
    unsigned char *m = memory_alloc_zero(100);
    CHECK(m && (uintptr_t)m % ONYX_ALIGNMENT == 0 && m[0] == 0 && m[99 + ONYX_SLACK] == 0, "memory_alloc_zero");
    memory_free(m);
    buffer *b = buffer_new(10);
    CHECK(b && buffer_ref(b) == b && buffer_size(b) == 10, "buffer_new");
    buffer_unref(b);
    memset(buffer_data(b), 1, 10);
    buffer_unref(b);
    buffer_unref(NULL);

    arena *a = arena_new(1 << 20);
    size_t total = 0;
    bool fine = true;
    for (size_t i = 0; i < 200; i++) {
        unsigned char *block = arena_alloc(a, i * 7);
        fine &= block && (uintptr_t)block % 16 == 0;
        for (size_t k = 0; fine && k < i * 7; k++)
            fine &= block[k] == 0;
        if (fine && i)
            memset(block, 255, i * 7);
        total += i * 7;
    }
    CHECK(fine && arena_used(a) >= total, "arena blocks are not zeroed, aligned or there");
    CHECK(!arena_alloc(a, 1 << 20) && !arena_alloc(a, SIZE_MAX), "the arena's limit does not hold");
    void *large = arena_alloc_aligned(a, 300000);
    CHECK(large && (uintptr_t)large % ONYX_ALIGNMENT == 0, "arena_alloc_aligned");
    const char *text = arena_printf(a, "%d-%s", 12, "x");
    CHECK(text && strcmp(text, "12-x") == 0, "arena_printf");
    text = arena_string(a, "abcdef", 3);
    CHECK(text && strcmp(text, "abc") == 0, "arena_string");
    CHECK(!arena_string(a, "", SIZE_MAX), "arena_string of SIZE_MAX bytes");
    arena_free(a);
    arena_free(NULL);
}

static void test_text(void)
{
    static const struct {
        const char *bytes, *repaired;
    } cases[] = {
        { "plain", "plain" },
        { "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80" },
        { "\xC0\x80", "??" },
        { "\xED\xA0\x80", "???" },
        { "\xF4\x90\x80\x80", "????" },
        { "a\xE2\x82", "a??" },
        { "\xFF\x80z", "??z" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char text[16];
        strcpy(text, cases[i].bytes);
        utf8_repair(text, strlen(text));
        CHECK(strcmp(text, cases[i].repaired) == 0, "case %zu is repaired to '%s'", i, text);
    }
}

static void test_status(void)
{
    static char big[2 * ONYX_ERROR_MESSAGE_SIZE];
    onyx_error error;
    for (size_t i = 0; i + 2 < sizeof big; i += 2)
        memcpy(big + i, "\xC3\xA4", 2);
    for (int shift = 0; shift < 3; shift++) {
        status_fail(&error, ONYX_ERROR_FORMAT, "%.*s%s", shift, "xxx", big);
        size_t length = strlen(error.message), at = 0;
        while (at < length && utf8_character(error.message + at, length - at))
            at += utf8_character(error.message + at, length - at);
        CHECK(at == length && length >= sizeof error.message - 3 && !strchr(error.message, '?'),
              "a long message of %zu bytes ends badly", length);
    }
    status_fail(&error, ONYX_ERROR_IO, "the %s", "end");
    status_context(&error, ONYX_ERROR_LIMIT, "file %d", 7);
    CHECK(error.status == ONYX_ERROR_LIMIT && strcmp(error.message, "file 7: the end") == 0, "context: '%s'",
          error.message);
    status_context(&error, ONYX_ERROR_LIMIT, "%s", big);
    CHECK(strlen(error.message) < sizeof error.message, "a long context");
    status_fail(&error, ONYX_ERROR_IO, "a\033[31mb\xFF\n");
    CHECK(strcmp(error.message, "a?[31mb?\n") == 0, "control characters: '%s'", error.message);
    CHECK(status_fail(NULL, ONYX_ERROR_IO, "x") == ONYX_ERROR_IO && onyx_status_name((onyx_status)77) != NULL,
          "no error wanted");
}

static void test_cpuid(void)
{
    uint32_t all = cpuid_flags("no such level"), before = 0;
    static const char *const levels[] = { "c", "avx2", "avx512", "vnni", "fp16", "amx" };
    CHECK(cpuid_flags("c") == 0 && strcmp(cpuid_name(0), "c") == 0, "level c has flags");
#if defined(__x86_64__)
    for (size_t i = 0; i < ARRAY_LENGTH(levels); i++) {
        uint32_t flags = cpuid_flags(levels[i]);
        CHECK((flags & before) == before && (flags & ~all) == 0, "level %s: %x within %x", levels[i], flags, all);
        before = flags;
    }
#else
    (void)levels;
    CHECK((all & before) == 0, "no flags");
#endif
}

/* Many blocks of odd sizes, more than one span holds: all are aligned, apart from each other, writable to the last byte
 * of their slack, and what is committed stays when more is reserved. */
static void test_region(void)
{
    enum { BLOCKS = 40 };
    static const size_t sizes[] = { 1, 63, 64, 4096, 100001, (size_t)3 << 20, (size_t)9 << 20 };
    unsigned char *blocks[BLOCKS];
    size_t bytes[BLOCKS], sum = 0, wrong = 0;
    region *r = region_new();
    for (int half = 0; half < 2; half++) {
        for (int i = half * BLOCKS / 2; i < (half + 1) * BLOCKS / 2; i++) {
            bytes[i] = sizes[(size_t)i % ARRAY_LENGTH(sizes)];
            blocks[i] = region_reserve(r, bytes[i]);
            sum += bytes[i];
            wrong += !blocks[i] || (uintptr_t)blocks[i] % ONYX_ALIGNMENT;
        }
        if (!CHECK(!wrong && region_commit(r), "%zu blocks are wrong, or there is no memory", wrong))
            break;
        for (int i = half * BLOCKS / 2; i < (half + 1) * BLOCKS / 2; i++) {
            region_populate(blocks[i], bytes[i]);
            blocks[i][0] = blocks[i][bytes[i] - 1] = (unsigned char)(i + 1);
            wrong += blocks[i][bytes[i] + ONYX_SLACK - 1];
        }
    }
    for (int i = 0; i < BLOCKS && !wrong; i++)
        wrong += blocks[i][0] != i + 1 || blocks[i][bytes[i] - 1] != i + 1;
    CHECK(wrong == 0, "%zu blocks do not hold what was written", wrong);
    CHECK(region_size(r) >= sum, "%zu bytes for %zu", region_size(r), sum);
    CHECK(!region_reserve(r, SIZE_MAX - 10) && !region_reserve(r, SIZE_MAX / 2), "addresses without end");
    region_free(r);
    region_free(NULL);
}

static void test_large_memory(void)
{
    const size_t bytes = ((size_t)5 << 20) + 123;
    unsigned char *memory = memory_alloc_zero(bytes);
    size_t sum = 0;
    for (size_t i = 0; memory && i < bytes + ONYX_SLACK; i++)
        sum += memory[i];
    CHECK(memory && (uintptr_t)memory % ONYX_ALIGNMENT == 0 && sum == 0, "a large block at %p, sum %zu", (void *)memory,
          sum);
    memory_free(memory);
    CHECK(!memory_alloc(SIZE_MAX - 100), "memory without end");
}

int main(void)
{
    test_sizes();
    test_type_sizes();
    test_halves();
    test_many_halves();
    test_bfloat16();
    test_small_floats();
    test_float8e8m0();
    test_memory();
    test_text();
    test_status();
    test_cpuid();
    test_region();
    test_large_memory();
    return check_done();
}
