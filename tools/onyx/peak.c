/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See peak.h. Twelve chains of multiply-adds hide the latency of every core we know (latency 4 x 2 units = 8 chains).
 * The best of many short bursts counts, so that an interruption does not lower the peak. */
#include "peak.h"
#include "base/cpuid.h"
#include "command.h"

#include <math.h>
#include <pthread.h>

enum { CHAINS = 12, ROUNDS = 20000, BURSTS = 40 };

/* One burst: ROUNDS times CHAINS multiply-adds. Returns something that depends on all of them. */
typedef float burst_function(float multiplier);

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2,fma"))) static float burst_avx2(float multiplier)
{
    __m256 chain[CHAINS], m = _mm256_set1_ps(multiplier), a = _mm256_set1_ps(1e-7f);
    for (int i = 0; i < CHAINS; i++)
        chain[i] = _mm256_set1_ps((float)i);
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < CHAINS; i++)
            chain[i] = _mm256_fmadd_ps(chain[i], m, a);
    for (int i = 1; i < CHAINS; i++)
        chain[0] = _mm256_add_ps(chain[0], chain[i]);
    return _mm256_cvtss_f32(chain[0]);
}

__attribute__((target("avx512f"))) static float burst_avx512(float multiplier)
{
    __m512 chain[CHAINS], m = _mm512_set1_ps(multiplier), a = _mm512_set1_ps(1e-7f);
    for (int i = 0; i < CHAINS; i++)
        chain[i] = _mm512_set1_ps((float)i);
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < CHAINS; i++)
            chain[i] = _mm512_fmadd_ps(chain[i], m, a);
    for (int i = 1; i < CHAINS; i++)
        chain[0] = _mm512_add_ps(chain[0], chain[i]);
    return _mm512_cvtss_f32(chain[0]);
}
#endif

#if defined(__aarch64__)
#include <arm_neon.h>

static float burst_neon(float multiplier)
{
    float32x4_t chain[CHAINS], m = vdupq_n_f32(multiplier), a = vdupq_n_f32(1e-7f);
    for (int i = 0; i < CHAINS; i++)
        chain[i] = vdupq_n_f32((float)i);
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < CHAINS; i++)
            chain[i] = vfmaq_f32(a, chain[i], m);
    for (int i = 1; i < CHAINS; i++)
        chain[0] = vaddq_f32(chain[0], chain[i]);
    return vgetq_lane_f32(chain[0], 0);
}
#endif

static float burst_c(float multiplier)
{
    float chain[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        chain[i] = (float)i;
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < CHAINS; i++)
            chain[i] = chain[i] * multiplier + 1e-7f;
    for (int i = 1; i < CHAINS; i++)
        chain[0] += chain[i];
    return chain[0];
}

static burst_function *choose(int *lanes)
{
    uint32_t flags = cpuid_flags(NULL);
#if defined(__x86_64__)
    if (flags & CPU_AVX512) {
        *lanes = 16;
        return burst_avx512;
    }
    if (flags & CPU_AVX2) {
        *lanes = 8;
        return burst_avx2;
    }
#endif
#if defined(__aarch64__)
    if (flags & CPU_NEON) {
        *lanes = 4;
        return burst_neon;
    }
#endif
    (void)flags;
    *lanes = 1;
    return burst_c;
}

typedef struct probe {
    pthread_t thread;
    burst_function *burst;
    double best; /* operations per second */
    int lanes;
    volatile float sink;
} probe;

static void *measure(void *context)
{
    probe *p = context;
    for (int i = 0; i < BURSTS; i++) {
        int64_t start = clock_ns();
        p->sink = p->burst(0.999f);
        double seconds = (double)(clock_ns() - start) / 1e9;
        p->best = fmax(p->best, 2.0 * CHAINS * ROUNDS * p->lanes / seconds);
    }
    return NULL;
}

double peak_flops(int threads)
{
    enum { THREADS_MAX = 256 };
    static probe probes[THREADS_MAX]; /* the command calls this once */
    int started = 0;
    double sum = 0;
    if (threads > THREADS_MAX)
        threads = THREADS_MAX;
    for (int i = 0; i < threads; i++) {
        probes[i] = (probe){ .best = 0 };
        probes[i].burst = choose(&probes[i].lanes);
        if (pthread_create(&probes[i].thread, NULL, measure, &probes[i]) == 0)
            started++;
        else
            break;
    }
    for (int i = 0; i < started; i++) {
        pthread_join(probes[i].thread, NULL);
        sum += probes[i].best;
    }
    return sum;
}
