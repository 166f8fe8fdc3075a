/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Typed loops of the matrix product, included once per type: IN of the factors, ACC of the sums, PRODUCT(a, b) their
 * product as ACC, NAME(x) makes the names. A part is up to four rows of one matrix; columns are the inner loop. */

static void NAME(matmul_part)(void *context, int part, int worker)
{
    const matmul_task *t = context;
    int64_t blocks = (t->m + 3) / 4, matrix = part / blocks, row = part % blocks * 4;
    int rows = (int)MIN(4, t->m - row);
    const IN *a = (const IN *)t->a + matmul_offset(t, t->a_strides, matrix) + row * t->a_row;
    const IN *b = (const IN *)t->b + matmul_offset(t, t->b_strides, matrix);
    ACC *c = (ACC *)t->c + (matrix * t->m + row) * t->n;
    (void)worker;
    for (int64_t begin = 0; begin < t->n; begin += MATMUL_CHUNK) {
        int64_t n = MIN(MATMUL_CHUNK, t->n - begin);
        ACC *restrict c0 = c + begin, *restrict c1 = c0 + t->n, *restrict c2 = c1 + t->n, *restrict c3 = c2 + t->n;
        for (int r = 0; r < rows; r++)
            memset(c + r * t->n + begin, 0, (size_t)n * sizeof(ACC));
        for (int64_t k = 0; k < t->k; k++) {
            const IN *restrict x = b + k * t->n + begin;
            const IN *w = a + k * t->a_column;
            if (rows == 4) {
                IN w0 = w[0], w1 = w[t->a_row], w2 = w[2 * t->a_row], w3 = w[3 * t->a_row];
                for (int64_t i = 0; i < n; i++) {
                    IN v = x[i];
                    c0[i] += PRODUCT(w0, v);
                    c1[i] += PRODUCT(w1, v);
                    c2[i] += PRODUCT(w2, v);
                    c3[i] += PRODUCT(w3, v);
                }
                continue;
            }
            for (int r = 0; r < rows; r++) {
                IN weight = w[r * t->a_row];
                for (int64_t i = 0; i < n; i++)
                    c0[r * t->n + i] += PRODUCT(weight, x[i]);
            }
        }
    }
}

#undef IN
#undef ACC
#undef PRODUCT
#undef NAME
