/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Loads OpenBLAS when a float64 product is first asked for. */
#include "ops/blas.h"

#include <stddef.h>

#if ONYX_OPENBLAS

#include <cblas.h>
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

typedef void cblas_dgemm_function(CBLAS_LAYOUT, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, blasint, blasint, blasint, double,
                                  const double *, blasint, const double *, blasint, double, double *, blasint);

static cblas_dgemm_function *cblas_found; /* written once, by find_cblas */
static pthread_once_t cblas_once = PTHREAD_ONCE_INIT;

static void find_cblas(void)
{
    static const char *const names[] = { "libopenblas.so.0", "libblas.so.3" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !cblas_found; i++) {
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        void *symbol = library ? dlsym(library, "cblas_dgemm") : NULL;
        memcpy(&cblas_found, &symbol, sizeof(symbol)); /* ISO C has no cast between the two kinds of pointers */
    }
}

static void dgemm(bool a_transposed, int m, int n, int k, const double *a, int64_t a_stride, const double *b,
                  int64_t b_stride, double *c, int64_t c_stride)
{
    cblas_found(CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans, CblasNoTrans, m, n, k, 1, a,
                (blasint)a_stride, b, (blasint)b_stride, 1, c, (blasint)c_stride);
}

blas_dgemm_function *blas_dgemm(void)
{
    pthread_once(&cblas_once, find_cblas);
    return cblas_found ? dgemm : NULL;
}

#else

blas_dgemm_function *blas_dgemm(void)
{
    return NULL;
}

#endif
