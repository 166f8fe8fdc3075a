/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Small nets through the planner, with the kernels of every instruction set at hand: each must compute what the
 * reference kernels compute, by the steps that the case names. Programs are walked by a small runner of this test, all
 * parts of a step in reverse, so that no part may rest on another. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpuid.h"
#include "check.h"
#include "evaluate.h"
#include "plan_cases.h"
#include "plan/planner.h"
#include "text.h"

/* ---- a runner ---- */

typedef struct memory_of {
    char *arena, *outputs, *scratch;
    onyx_tensor *tensors;
} memory_of;

static void place_slots(const program *p, const onyx_tensor *inputs, memory_of *m)
{
    for (int i = 0; i < p->slot_count; i++) {
        const program_slot *slot = &p->slots[i], *root = &p->slots[slot->root];
        m->tensors[i] = slot->tensor;
        if (slot->kind == SLOT_ARENA)
            m->tensors[i].data = m->arena + root->place + slot->offset;
        else if (slot->kind == SLOT_OUTPUT)
            m->tensors[i].data = m->outputs + root->place + slot->offset;
        else if (slot->kind == SLOT_INPUT)
            m->tensors[i].data = (char *)inputs[slot->index].data + slot->offset;
    }
}

/* False where a step is none that the planner made itself. */
static bool run_program(const program *p, const memory_of *m)
{
    for (int i = 0; i < p->step_count; i++) {
        const step_context context = { &p->steps[i], m->tensors, m->scratch };
        if (!p->steps[i].run)
            return false;
        memset(m->scratch, 0xff, p->scratch_bytes);
        for (int part = p->steps[i].parts - 1; part >= 0; part--)
            p->steps[i].run(&context, part);
    }
    return true;
}

/* One of a list's names, of so many characters. */
static bool is_named(const char *at, size_t length, const char *name)
{
    return strncmp(at, name, length) == 0 && (!name[length] || (length > 0 && at[length - 1] == '_'));
}

static bool in_list(const char *list, const char *name)
{
    for (const char *at = list; at; at = strchr(at, ','), at += at != NULL)
        if (is_named(at, strcspn(at, ","), name))
            return true;
    return false;
}

static void check_kernels(const plan_case *c, const program *p, const char *table)
{
    char list[256];
    snprintf(list, sizeof(list), "%s", c->kernels);
    for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
        bool found = false;
        for (int i = 0; i < p->step_count; i++)
            found |= is_named(name, strlen(name), p->steps[i].kernel);
        CHECK(found, "%s, %s: no step %s", c->name, table, name);
    }
    for (int i = 0; i < p->step_count; i++)
        CHECK(!in_list(c->without ? c->without : "reference", p->steps[i].kernel), "%s, %s: %s runs %s", c->name, table,
              p->steps[i].op, p->steps[i].kernel);
}

static void check_program(const plan_case *c, const program *p, const char *table, double bound,
                          const onyx_tensor *inputs, const onyx_tensor *wanted)
{
    memory_of m = { memory_alloc_zero(p->arena_bytes + 64), memory_alloc_zero(p->outputs_bytes + 64),
                    memory_alloc_zero(p->scratch_bytes + 64), calloc((size_t)p->slot_count + 1, sizeof(onyx_tensor)) };
    memset(m.arena, 0xff, p->arena_bytes);
    place_slots(p, inputs, &m);
    check_kernels(c, p, table);
    if (CHECK(run_program(p, &m), "%s, %s: a reference step", c->name, table))
        for (int i = 0; i < p->output_count; i++) {
            const double difference = evaluate_difference(&wanted[i], &m.tensors[p->outputs[i]]);
            CHECK(difference <= bound, "%s, %s: output %d differs by %g of its range", c->name, table, i, difference);
        }
    memory_free(m.arena);
    memory_free(m.outputs);
    memory_free(m.scratch);
    free(m.tensors);
}

enum { MOST = 8 };

static bool has_precision(const cpu_kernels *kernels, onyx_precision precision)
{
    return precision == ONYX_PRECISION_FP16   ? kernels->half.format == HALF_FLOAT16
           : precision == ONYX_PRECISION_BF16 ? kernels->half.format == HALF_BFLOAT16
                                              : true;
}

static void check_tables(const plan_case *c, const model_file *file, onyx_precision precision,
                         const onyx_tensor *inputs, const onyx_tensor *wanted)
{
    const uint32_t available = cpuid_flags(NULL), masks[] = { 0, CPU_AVX2, ~0u };
    const char *last = "";
    for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
        cpu_kernels kernels;
        cpu_kernels_init(&kernels, available & masks[i]);
        if (strcmp(kernels.name, last) == 0 || c->bytes > (kernels.qconv.units ? kernels.qconv.units->group : 0) ||
            !has_precision(&kernels, precision))
            continue;
        last = kernels.name;
        program *p = NULL;
        onyx_error error = { .message = "" };
        packed_store *store = packed_store_new();
        const plan_options wish = { .kernels = &kernels, .store = store, .precision = precision };
        const double bound = precision == ONYX_PRECISION_FP16   ? 1e-2
                             : precision == ONYX_PRECISION_BF16 ? 4e-2
                                                                : 2e-5;
        if (CHECK(plan_compile(file, NULL, NULL, &wish, &p, &error) == ONYX_OK, "%s, %s: %s", c->name, kernels.name,
                  error.message))
            check_program(c, p, kernels.name, bound, inputs, wanted);
        program_free(p);
        packed_store_free(store);
    }
}

static void check_case(const plan_case *c, onyx_precision precision)
{
    arena *memory = arena_new(0);
    onyx_tensor inputs[MOST] = { 0 }, wanted[MOST] = { 0 };
    onyx_error error = { .message = "" };
    graph *g = NULL;
    const model_file *file = text_model(c->text, 0, memory);
    bool ready =
        file && graph_build(file, NULL, NULL, &g, &error) == ONYX_OK && graph_infer(g, true, &error) == ONYX_OK;
    for (int i = 0; ready && i < g->input_count; i++)
        ready = evaluate_random_input(g->inputs[i], 3u + (uint32_t)i, &inputs[i]);
    if (CHECK(ready && evaluate(g, inputs, wanted, &error) == ONYX_OK, "%s: %s", c->name, error.message))
        check_tables(c, file, precision, inputs, wanted);
    for (int i = 0; i < MOST; i++) {
        memory_free(inputs[i].data);
        memory_free(wanted[i].data);
    }
    graph_free(g);
    arena_free(memory);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (argc < 2 || strcmp(argv[1], cases[i].name) == 0)
            check_case(&cases[i], ONYX_PRECISION_AUTO);
    if (sysconf(_SC_LEVEL2_CACHE_SIZE) >= 2 << 20)
        check_case(&product_case, ONYX_PRECISION_AUTO);
    else
        check_skip("a tall product: with less than 2 MB in the second cache Strassen's algorithm does not pay for it");
    check_case(&strict_product_case, ONYX_PRECISION_STRICT);
    for (size_t i = 0; i < sizeof(half_cases) / sizeof(*half_cases); i++)
        if (argc < 2 || strcmp(argv[1], half_cases[i].name) == 0) {
            check_case(&half_cases[i], ONYX_PRECISION_FP16);
            check_case(&half_cases[i], ONYX_PRECISION_BF16);
        }
    check_case(&float16_case, ONYX_PRECISION_FP16);
    check_case(&bfloat16_case, ONYX_PRECISION_BF16);
    check_case(&tiles_product_case, ONYX_PRECISION_BF16);
    check_case(&tiles_chain_case, ONYX_PRECISION_BF16);
    check_case(&tiles_attention_case, ONYX_PRECISION_BF16);
    check_case(&unwanted_half_case, ONYX_PRECISION_BF16);
    return check_done();
}
