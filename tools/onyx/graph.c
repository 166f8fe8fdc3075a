/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx graph: a model's graph as text or DOT, as the file has it or after the passes. */
#include "graph/graph.h"
#include "command.h"
#include "verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_line(const char *text, void *user)
{
    (void)user;
    puts(text);
}

/* DOT strings: quotes and backslashes escaped. */
static void dot_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
}

static void dot_edge_label(const graph_value *value)
{
    char shape[256];
    dims_text(shape, sizeof shape, value->info.rank, value->info.dims, NULL);
    printf(" [label=\"%s\"];\n", shape);
}

static void print_dot(const graph *g)
{
    printf("digraph onyx {\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n  edge [fontsize=8];\n");
    for (int i = 0; i < g->input_count; i++) {
        printf("  v%d [shape=ellipse, label=\"", g->inputs[i]->id);
        dot_text(g->inputs[i]->name);
        printf("\"];\n");
    }
    for (const graph_node *node = g->first; node; node = node->next) {
        printf("  n%d [label=\"%s", node->id, node->row->name);
        if (node->name && *node->name) {
            printf("\\n");
            dot_text(node->name);
        }
        printf("\"];\n");
        for (int i = 0; i < node->input_count; i++) {
            const graph_value *value = node->inputs[i];
            if (!value || value->is_constant)
                continue; /* weights would hide the graph */
            if (value->producer)
                printf("  n%d -> n%d", value->producer->id, node->id);
            else
                printf("  v%d -> n%d", value->id, node->id);
            dot_edge_label(value);
        }
    }
    for (int i = 0; i < g->output_count; i++) {
        const graph_value *value = g->outputs[i];
        printf("  o%d [shape=ellipse, label=\"", i);
        dot_text(value->name);
        printf("\"];\n");
        if (value->producer) {
            printf("  n%d -> o%d", value->producer->id, i);
            dot_edge_label(value);
        }
    }
    printf("}\n");
}

/* The shapes that a session would take by default; NULL where the model does not compile. */
static onyx_tensor *default_shapes(const char *path, const onyx_options *options, const run_wish *wish)
{
    onyx_model *model = NULL;
    onyx_session *session = NULL;
    onyx_tensor *shapes = NULL;
    onyx_error error;
    if (onyx_model_open(path, options, &model, &error) == ONYX_OK &&
        run_session(model, wish, &session, &error) == ONYX_OK) {
        int count = onyx_model_input_count(model);
        shapes = calloc((size_t)count + 1, sizeof *shapes);
        for (int i = 0; shapes && i < count; i++)
            onyx_session_input(session, i, &shapes[i], &error);
    } else {
        fprintf(stderr, "onyx graph: free dimensions stay open, because no session can be made: %s\n", error.message);
    }
    onyx_session_free(session);
    onyx_model_unref(model);
    return shapes;
}

static void list_passes(void)
{
    int count = 0;
    const graph_pass *passes = graph_passes(&count);
    for (int i = 0; i < count; i++)
        printf("%-20s %s\n", passes[i].name, passes[i].what);
}

int verb_graph(int argc, char **argv)
{
    run_wish wish = { .threads = 1 };
    bool optimised = false, dot = false, passes = false;
    const option options[] = {
        { "optimised", 'O', OPTION_FLAG, &optimised, NULL, "after the passes" },
        { "dot", 0, OPTION_FLAG, &dot, NULL, "DOT (dot -Tsvg) instead of text" },
        { "passes", 0, OPTION_FLAG, &passes, NULL, "list the passes by name, for --disable-pass" },
        RUN_OPTIONS(wish),
        { NULL },
    };
    const verb_usage usage = { "graph", "MODEL", "Prints a model's graph, one node a line, with types and shapes.",
                               options, 0,       1 };
    int count, status;
    onyx_options engine;
    onyx_error error;
    model_file *file = NULL;
    graph *g = NULL;
    if (!options_parse(&usage, argc, argv, &count, &status))
        return status;
    if (passes) {
        list_passes();
        return EXIT_DONE;
    }
    if (count == 0)
        return misused("graph", "missing argument; usage: onyx graph [options] MODEL");
    if (!run_options("graph", &wish, &engine))
        return EXIT_MISUSED;

    onyx_tensor *shapes = default_shapes(argv[0], &engine, &wish);
    onyx_status failed = model_load(argv[0], &engine, &file, &error);
    if (!failed)
        failed = graph_build(file, shapes, &engine, &g, &error);
    if (!failed)
        failed = graph_infer(g, optimised, &error);
    if (!failed && optimised)
        failed = graph_optimise(
            g, &(graph_pass_options){ .disabled = wish.disable_pass, .precision = engine.precision }, &error);
    if (failed)
        wanting("graph", "%s", error.message);
    else if (dot)
        print_dot(g);
    else
        graph_dump(g, print_line, NULL);
    status = failed ? EXIT_WANTING : EXIT_DONE;
    if (g)
        graph_free(g);
    if (file)
        model_free(file);
    free(shapes);
    return status;
}
