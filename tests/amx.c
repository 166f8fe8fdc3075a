/* SPDX-License-Identifier: BSD-2-Clause
 *
 * AMX for machines that have none, so that its kernels are tested everywhere: the executable that is linked with this
 * (and with -Wl,--wrap=cpuid_flags) believes in AMX, and each tile instruction of the very code that ships, which the
 * processor refuses with SIGILL, is done here in C (Intel 64 and IA-32 Architectures Software Developer's Manual,
 * volume 2, "Intel AMX Instruction Set Reference"). What the manual calls an error stops the program with a message.
 * Microseconds for each instruction; nothing is said about speed. Where the processor has AMX, or no AVX-512 VNNI
 * and BF16 beneath it, or ONYX_AMX_EMULATOR=no is set, this does nothing. */
#include <immintrin.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "base/cpuid.h"

enum { TILES = 8, MAX_ROWS = 16, MAX_BYTES = 64, PALETTE = 1 };

typedef struct tile {
    uint8_t row[MAX_ROWS][MAX_BYTES];
} tile;

typedef struct tile_config { /* as in memory */
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} tile_config;

/* A thread's; its tiles keep what they held until the configuration goes. */
static _Thread_local tile_config config;
static _Thread_local tile tiles[TILES];

typedef struct instruction {
    const uint8_t *at;
    int length;
    uint8_t opcode, prefix; /* prefix: 0 none, 1 66, 2 F3, 3 F2 */
    int reg, rm, vvvv;      /* rm: a register where is_register */
    bool is_register;
    uint64_t address,
        index; /* of tile loads and stores the index is what lies between rows, else part of the address */
} instruction;

static _Noreturn void stop(const instruction *i, const char *why)
{
    char text[256];
    const int length = snprintf(text, sizeof(text), "amx: opcode %02x, prefix %d at %p: %s\n", i->opcode, i->prefix,
                                (const void *)i->at, why);
    fwrite(text, 1, (size_t)length, stderr);
    abort();
}

/* ---- decoding ---- */

static uint64_t general_register(const ucontext_t *context, int number)
{
    static const int place[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                   REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };
    return (uint64_t)context->uc_mcontext.gregs[place[number]];
}

static int64_t displacement(const uint8_t *at, int bytes)
{
    int32_t wide = 0;
    if (bytes == 1)
        return (int8_t)*at;
    memcpy(&wide, at, (size_t)bytes);
    return wide;
}

/* The memory operand behind the ModRM byte at `at`; returns its end. */
static const uint8_t *decode_memory(const ucontext_t *context, const uint8_t *at, int high_base, int high_index,
                                    instruction *i)
{
    const int mod = at[0] >> 6, low = at[0] & 7;
    int bytes = mod == 1 ? 1 : mod == 2 ? 4 : 0;
    at++;
    if (low == 4) {
        const int index = (at[0] >> 3 & 7) | high_index, base = at[0] & 7;
        if (index != 4)
            i->index = general_register(context, index) << (at[0] >> 6);
        if (base == 5 && mod == 0)
            bytes = 4;
        else
            i->address = general_register(context, base | high_base);
        at++;
    } else if (low == 5 && mod == 0) {
        i->address = (uint64_t)(uintptr_t)(at + 4); /* none of these has an immediate behind it */
        bytes = 4;
    } else {
        i->address = general_register(context, low | high_base);
    }
    if (bytes)
        i->address += (uint64_t)displacement(at, bytes);
    return at + bytes;
}

/* False where this is no instruction of map 0F38 with three bytes of VEX and 128 bits. */
static bool decode(const ucontext_t *context, instruction *i)
{
    const uint8_t *at = (const uint8_t *)(uintptr_t)context->uc_mcontext.gregs[REG_RIP]; /* NOLINT */
    *i = (instruction){ .at = at };
    if (at[0] != 0xC4 || (at[1] & 0x1F) != 2 || (at[2] & 0x84) != 0)
        return false;
    const int high_reg = at[1] & 0x80 ? 0 : 8, high_index = at[1] & 0x40 ? 0 : 8, high_base = at[1] & 0x20 ? 0 : 8;
    i->prefix = at[2] & 3;
    i->vvvv = ~(at[2] >> 3) & 15;
    i->opcode = at[3];
    i->reg = (at[4] >> 3 & 7) | high_reg;
    i->is_register = at[4] >> 6 == 3;
    if (i->is_register) {
        i->rm = (at[4] & 7) | high_base;
        i->length = 5;
    } else {
        i->length = (int)(decode_memory(context, at + 4, high_base, high_index, i) - at);
    }
    return true;
}

/* ---- what they do ---- */

static void check_tile(const instruction *i, int number)
{
    if (config.palette != PALETTE)
        stop(i, "no tiles are configured");
    if (number >= TILES)
        stop(i, "there are eight tiles");
    if (config.rows[number] == 0 || config.bytes[number] == 0)
        stop(i, "this tile is not configured");
}

static void load_config(const instruction *i)
{
    memcpy(&config, (const void *)(uintptr_t)(i->address + i->index), sizeof(config)); /* NOLINT */
    memset(tiles, 0, sizeof(tiles));
    if (config.palette == 0)
        return;
    bool good = config.palette == PALETTE && config.start_row == 0;
    for (size_t k = 0; k < sizeof(config.reserved); k++)
        good &= config.reserved[k] == 0;
    for (int k = 0; k < 16; k++) {
        good &= config.rows[k] <= MAX_ROWS && config.bytes[k] <= MAX_BYTES;
        good &= (config.rows[k] == 0) == (config.bytes[k] == 0) && (k < TILES || config.rows[k] == 0);
    }
    if (!good)
        stop(i, "not a configuration of palette 1");
}

/* Bytes behind a row and rows behind the last become 0. */
static void load_tile(const instruction *i)
{
    check_tile(i, i->reg);
    memset(&tiles[i->reg], 0, sizeof(tile));
    for (int r = 0; r < config.rows[i->reg]; r++)
        memcpy(tiles[i->reg].row[r], (const void *)(uintptr_t)(i->address + (uint64_t)r * i->index), /* NOLINT */
               config.bytes[i->reg]);
}

static void store_tile(const instruction *i)
{
    check_tile(i, i->reg);
    for (int r = 0; r < config.rows[i->reg]; r++)
        memcpy((void *)(uintptr_t)(i->address + (uint64_t)r * i->index), tiles[i->reg].row[r], /* NOLINT */
               config.bytes[i->reg]);
}

static float bfloat16_at(const uint8_t *at)
{
    uint16_t half;
    memcpy(&half, at, sizeof(half));
    const uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* One row: c[n] += sum over k of a[2 k] * b[k][2 n] + a[2 k + 1] * b[k][2 n + 1], the sum first. The
 * order within one instruction is this file's: processors may keep even and odd products apart, so no test may rely on
 * the last bits of such sums. */
static void dot_bfloat16(uint8_t *c, const uint8_t *a, const tile *b, int pairs, int columns)
{
    float part[MAX_BYTES / 4] = { 0 }, sums[MAX_BYTES / 4];
    for (int k = 0; k < pairs; k++)
        for (int p = 0; p < 4; p += 2) {
            const float value = bfloat16_at(a + 4 * k + p);
            for (int n = 0; n < columns; n++)
                part[n] = fmaf(value, bfloat16_at(b->row[k] + 4 * n + p), part[n]);
        }
    memcpy(sums, c, sizeof(sums));
    for (int n = 0; n < columns; n++)
        sums[n] += part[n];
    memcpy(c, sums, (size_t)columns * 4);
}

static void dot_bytes(uint8_t *c, const uint8_t *a, const tile *b, int fours, int columns, bool a_signed, bool b_signed)
{
    uint32_t sums[MAX_BYTES / 4];
    memcpy(sums, c, sizeof(sums));
    for (int k = 0; k < fours; k++)
        for (int p = 0; p < 4; p++) {
            const int value = a_signed ? (int8_t)a[4 * k + p] : a[4 * k + p];
            for (int n = 0; n < columns; n++) {
                const uint8_t other = b->row[k][4 * n + p];
                sums[n] += (uint32_t)(value * (b_signed ? (int8_t)other : other));
            }
        }
    memcpy(c, sums, (size_t)columns * 4);
}

/* reg += rm * vvvv */
static void multiply(const instruction *i, bool is_float)
{
    const int c = i->reg, a = i->rm, b = i->vvvv;
    check_tile(i, c);
    check_tile(i, a);
    check_tile(i, b);
    if (c == a || c == b || a == b)
        stop(i, "the three tiles must differ");
    if (config.rows[c] != config.rows[a] || config.bytes[c] != config.bytes[b] ||
        config.bytes[a] != 4 * config.rows[b] || config.bytes[c] % 4 != 0)
        stop(i, "the tiles do not fit each other");
    /* F2 ss, F3 su, 66 us, none uu */
    const bool a_signed = i->prefix >= 2, b_signed = i->prefix == 3 || i->prefix == 1;
    for (int m = 0; m < config.rows[c]; m++) {
        uint8_t *row = tiles[c].row[m];
        const uint8_t *factors = tiles[a].row[m];
        if (is_float)
            dot_bfloat16(row, factors, &tiles[b], config.rows[b], config.bytes[c] / 4);
        else
            dot_bytes(row, factors, &tiles[b], config.rows[b], config.bytes[c] / 4, a_signed, b_signed);
    }
}

/* False for what is none of AMX's. */
static bool execute(const instruction *i)
{
    enum { NONE, P66, PF3, PF2 };
    if (i->opcode == 0x49 && !i->is_register && (i->reg & 7) == 0 && i->prefix == NONE) {
        load_config(i);
    } else if (i->opcode == 0x49 && !i->is_register && (i->reg & 7) == 0 && i->prefix == P66) {
        memcpy((void *)(uintptr_t)(i->address + i->index), &config, sizeof(config)); /* NOLINT */
    } else if (i->opcode == 0x49 && i->at[4] == 0xC0 && i->prefix == NONE) {
        memset(&config, 0, sizeof(config));
        memset(tiles, 0, sizeof(tiles));
    } else if (i->opcode == 0x49 && i->is_register && i->prefix == PF2) {
        check_tile(i, i->reg);
        memset(&tiles[i->reg], 0, sizeof(tile));
    } else if (i->opcode == 0x4B && !i->is_register && (i->at[4] & 7) == 4 && i->prefix != NONE) {
        i->prefix == PF3 ? store_tile(i) : load_tile(i);
    } else if (i->opcode == 0x5C && i->is_register && i->prefix == PF3) {
        multiply(i, true);
    } else if (i->opcode == 0x5E && i->is_register) {
        multiply(i, false);
    } else {
        return false;
    }
    return true;
}

static void refused(int number, siginfo_t *info, void *opaque)
{
    ucontext_t *context = opaque;
    instruction i;
    (void)info;
    _mm_setcsr(0x9FC0); /* denormals are 0, nearest even, no exceptions; the signal's return restores the register */
    if (decode(context, &i) && execute(&i)) {
        context->uc_mcontext.gregs[REG_RIP] += i.length;
        return;
    }
    signal(number, SIG_DFL); /* and it comes again */
}

uint32_t __real_cpuid_flags(const char *wish);
uint32_t __wrap_cpuid_flags(const char *wish);

uint32_t __wrap_cpuid_flags(const char *wish)
{
    const uint32_t amx = CPU_AMX_INT8 | CPU_AMX_BF16, flags = __real_cpuid_flags(wish);
    const char *level = wish ? wish : getenv("ONYX_CPU"), *use = getenv("ONYX_AMX_EMULATOR");
    const bool beneath = (flags & CPU_AVX512_VNNI) && __builtin_cpu_supports("avx512bf16");
    if ((flags & amx) || !beneath || (level && strcmp(level, "amx") != 0) || (use && strcmp(use, "no") == 0))
        return flags;
    struct sigaction action = { .sa_sigaction = refused, .sa_flags = SA_SIGINFO | SA_NODEFER };
    sigaction(SIGILL, &action, NULL);
    return flags | amx;
}
