/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx info: what a model is. Operators are listed even for a file that does not open, with those that this build
 * lacks marked, because that is when one looks. */
#include "command.h"
#include "json.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>

typedef struct operator_line {
    char *domain, *name;
    int version, count;
    bool supported;
} operator_line;

typedef struct operator_list {
    operator_line *lines;
    int count, capacity, unsupported;
    bool out_of_memory;
} operator_list;

static void add_operator(const char *domain, const char *name, int version, int count, bool supported, void *user)
{
    operator_list *list = user;
    if (list->count == list->capacity) {
        int capacity = list->capacity ? 2 * list->capacity : 32;
        operator_line *grown = realloc(list->lines, (size_t)capacity * sizeof *grown);
        if (!grown) {
            list->out_of_memory = true;
            return;
        }
        list->lines = grown;
        list->capacity = capacity;
    }
    list->lines[list->count++] = (operator_line){ strdup(domain), strdup(name), version, count, supported };
    list->unsupported += !supported;
}

static void free_operators(operator_list *list)
{
    for (int i = 0; i < list->count; i++) {
        free(list->lines[i].domain);
        free(list->lines[i].name);
    }
    free(list->lines);
}

/* Everything that was found; model and session are NULL where they could not be made. */
typedef struct findings {
    const char *path;
    operator_list operators;
    onyx_model *model;
    onyx_session *session;
    onyx_session_info cost;
    onyx_recipe *recipe;
    onyx_error error; /* why model or session is NULL */
} findings;

static void print_values(const onyx_model *model, bool inputs)
{
    int count = inputs ? onyx_model_input_count(model) : onyx_model_output_count(model);
    for (int i = 0; i < count; i++) {
        onyx_value_info info;
        char shape[256];
        if (inputs)
            onyx_model_input_info(model, i, &info);
        else
            onyx_model_output_info(model, i, &info);
        dims_text(shape, sizeof shape, info.rank, info.dims, info.dim_names);
        printf("%-12s %s: %s %s\n",
               i        ? ""
               : inputs ? "inputs"
                        : "outputs",
               info.name, onyx_type_name(info.type), shape);
    }
}

static void print_metadata(const onyx_model *model)
{
    const char *key, *value;
    for (int i = 0; onyx_model_metadata_at(model, i, &key, &value); i++) {
        size_t length = strlen(value);
        printf("%-12s %s: %.60s%s\n", i ? "" : "metadata", key, value, length > 60 ? "..." : "");
    }
}

static void print_text(const findings *f)
{
    printf("%-12s %s\n", "model", f->path);
    if (f->model) {
        printf("%-12s %s\n", "producer", onyx_model_producer(f->model));
        printf("%-12s %s\n", "graph", onyx_model_graph_name(f->model));
        print_values(f->model, true);
        print_values(f->model, false);
        print_metadata(f->model);
    }
    if (f->recipe)
        printf("%-12s %s\n", "recognised", onyx_recipe_description(f->recipe));
    for (int i = 0; i < f->operators.count; i++) {
        const operator_line *o = &f->operators.lines[i];
        printf("%-12s %5d  %s%s%s %d%s\n", i ? "" : "operators", o->count, o->domain, *o->domain ? "." : "", o->name,
               o->version, o->supported ? "" : "   UNSUPPORTED");
    }
    if (!f->session)
        return;
    const onyx_session_info *c = &f->cost;
    printf("%-12s %.3f million in weights; %.3f billion operations a run (2 per multiply-add)\n", "cost",
           (double)c->parameters / 1e6, (double)c->operations / 1e9);
    printf("%-12s %d in the file, %d steps after optimisation\n", "nodes", c->nodes, c->steps);
    printf("%-12s activations %.2f MB, packed weights %.2f MB, scratch %.2f MB\n", "memory",
           (double)c->arena_bytes / 1048576, (double)c->packed_weight_bytes / 1048576,
           (double)c->scratch_bytes / 1048576);
}

static void json_values(json *j, const onyx_model *model, bool inputs)
{
    int count = inputs ? onyx_model_input_count(model) : onyx_model_output_count(model);
    json_begin(j, inputs ? "inputs" : "outputs", '[');
    for (int i = 0; i < count; i++) {
        onyx_value_info info;
        if (inputs)
            onyx_model_input_info(model, i, &info);
        else
            onyx_model_output_info(model, i, &info);
        json_begin(j, NULL, '{');
        json_text(j, "name", info.name);
        json_text(j, "type", onyx_type_name(info.type));
        json_dims(j, "dims", info.rank, info.dims, info.dim_names);
        json_end(j, '}');
    }
    json_end(j, ']');
}

static void json_model(json *j, const findings *f)
{
    const char *key, *value;
    json_text(j, "producer", onyx_model_producer(f->model));
    json_text(j, "graph", onyx_model_graph_name(f->model));
    json_values(j, f->model, true);
    json_values(j, f->model, false);
    json_begin(j, "metadata", '{');
    for (int i = 0; onyx_model_metadata_at(f->model, i, &key, &value); i++)
        json_text(j, key, value);
    json_end(j, '}');
}

/* The steps that a run takes, unlike `steps` which counts them: what a model of the time starts from. */
static void json_program(json *j, const onyx_session *session)
{
    json_begin(j, "program", '[');
    for (int i = 0; i < onyx_session_step_count(session); i++) {
        onyx_step_info step;
        if (onyx_session_step(session, i, &step))
            continue;
        json_begin(j, NULL, '{');
        json_text(j, "name", step.name);
        json_text(j, "operator", step.operator_);
        json_text(j, "kernel", step.kernel);
        json_text(j, "shapes", step.shapes);
        json_int(j, "operations", step.operations);
        json_int(j, "moved_bytes", step.moved_bytes);
        json_end(j, '}');
    }
    json_end(j, ']');
}

static void print_json(const findings *f)
{
    json out = { .out = stdout }, *j = &out;
    json_begin(j, NULL, '{');
    json_text(j, "model", f->path);
    if (f->model)
        json_model(j, f);
    if (f->recipe)
        json_text(j, "recognised", onyx_recipe_description(f->recipe));
    json_begin(j, "operators", '[');
    for (int i = 0; i < f->operators.count; i++) {
        const operator_line *o = &f->operators.lines[i];
        json_begin(j, NULL, '{');
        json_text(j, "domain", o->domain);
        json_text(j, "name", o->name);
        json_int(j, "version", o->version);
        json_int(j, "count", o->count);
        json_bool(j, "supported", o->supported);
        json_end(j, '}');
    }
    json_end(j, ']');
    if (f->session) {
        json_int(j, "parameters", f->cost.parameters);
        json_int(j, "operations", f->cost.operations);
        json_int(j, "nodes", f->cost.nodes);
        json_int(j, "steps", f->cost.steps);
        json_int(j, "arena_bytes", (int64_t)f->cost.arena_bytes);
        json_int(j, "packed_weight_bytes", (int64_t)f->cost.packed_weight_bytes);
        json_int(j, "scratch_bytes", (int64_t)f->cost.scratch_bytes);
        json_program(j, f->session);
    } else {
        json_text(j, "error", f->error.message);
    }
    json_end(j, '}');
}

int verb_info(int argc, char **argv)
{
    run_wish wish = { .threads = 1 };
    bool as_json = false;
    const option options[] = { RUN_OPTIONS(wish),
                               { "json", 0, OPTION_FLAG, &as_json, NULL, "print one JSON object" },
                               { NULL } };
    const verb_usage usage = { "info",
                               "MODEL",
                               "Shows a model's inputs, outputs, metadata, operators (those that this build lacks are\n"
                               "marked), parameters, operations and memory plan.",
                               options,
                               1,
                               1 };
    int count, status;
    onyx_options engine;
    if (!options_parse(&usage, argc, argv, &count, &status))
        return status;
    if (!run_options("info", &wish, &engine))
        return EXIT_MISUSED;

    findings f = { .path = argv[0], .cost = { .size = sizeof f.cost } };
    onyx_status failed = onyx_model_list_operators(argv[0], &engine, add_operator, &f.operators, &f.error);
    if (!failed)
        failed = onyx_model_open(argv[0], &engine, &f.model, &f.error);
    if (!failed)
        failed = run_session(f.model, &wish, &f.session, &f.error);
    if (!failed)
        failed = onyx_session_describe(f.session, &f.cost);
    if (f.model) {
        onyx_error ignored; /* not every model looks at pictures */
        if (onyx_recipe_new(f.model, &f.recipe, &ignored))
            f.recipe = NULL;
    }
    if (as_json)
        print_json(&f);
    else if (f.model || f.operators.count)
        print_text(&f);
    fflush(stdout);
    status = failed ? failed_call("info", failed, &f.error) : EXIT_DONE;
    onyx_recipe_free(f.recipe);
    onyx_session_free(f.session);
    onyx_model_unref(f.model);
    free_operators(&f.operators);
    return status;
}
