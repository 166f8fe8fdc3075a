/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx operators: the operator table of this build, also as the Markdown of docs/operators.md. */
#include "command.h"
#include "json.h"
#include "model/model.h"
#include "ops/ops.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

static void versions_text(char *text, size_t size, const op_row *row)
{
    if (row->last_version)
        snprintf(text, size, "%d-%d", row->first_version, row->last_version);
    else
        snprintf(text, size, "%d+", row->first_version);
}

static void arity_text(char *text, size_t size, int least, int most)
{
    if (most == OP_ANY_COUNT)
        snprintf(text, size, "%d+", least);
    else if (least == most)
        snprintf(text, size, "%d", least);
    else
        snprintf(text, size, "%d-%d", least, most);
}

static void types_text(char *text, size_t size, uint64_t types)
{
    size_t used = 0;
    *text = '\0';
    for (int type = 1; type < 64 && used < size; type++) {
        if (!(types & TYPE_BIT(type)))
            continue;
        int written = snprintf(text + used, size - used, "%s%s", used ? " " : "", onyx_type_name((onyx_type)type));
        used += written > 0 ? (size_t)written : 0;
    }
}

static void print_row(const op_row *row, bool markdown)
{
    char versions[32], inputs[16], outputs[16], types[512];
    const char *domain = *row->domain ? row->domain : "ai.onnx";
    versions_text(versions, sizeof versions, row);
    arity_text(inputs, sizeof inputs, row->min_inputs, row->max_inputs);
    arity_text(outputs, sizeof outputs, row->min_outputs, row->max_outputs);
    types_text(types, sizeof types, row->types);
    if (markdown)
        printf("| %s | %s | %s | %s | %s | %s |\n", domain, row->name, versions, inputs, outputs, types);
    else
        printf("%-16s %-28s %-7s %-6s %-6s %s\n", domain, row->name, versions, inputs, outputs, types);
}

static void json_row(json *j, const op_row *row)
{
    json_begin(j, NULL, '{');
    json_text(j, "domain", row->domain);
    json_text(j, "name", row->name);
    json_int(j, "first_version", row->first_version);
    json_int(j, "last_version", row->last_version);
    json_begin(j, "types", '[');
    for (int type = 1; type < 64; type++)
        if (row->types & TYPE_BIT(type))
            json_text(j, NULL, onyx_type_name((onyx_type)type));
    json_end(j, ']');
    json_end(j, '}');
}

/* Operators that are others in a row. */
static void print_expanded(json *j, bool markdown)
{
    const char *domain = "", *name = "";
    if (markdown)
        printf("\nThese are taken apart when a model is loaded, in the forms that ONNX Runtime's optimiser writes:\n\n"
               "| domain | operator |\n|---|---|\n");
    for (int i = 0; i < model_expanded(i, &domain, &name); i++) {
        if (j) {
            json_begin(j, NULL, '{');
            json_text(j, "domain", domain);
            json_text(j, "name", name);
            json_end(j, '}');
        } else if (markdown)
            printf("| %s | %s |\n", *domain ? domain : "ai.onnx", name);
        else
            printf("%-16s %-28s taken apart when a model is loaded\n", *domain ? domain : "ai.onnx", name);
    }
}

int verb_operators(int argc, char **argv)
{
    bool markdown = false, as_json = false;
    const option options[] = { { "markdown", 'm', OPTION_FLAG, &markdown, NULL, "print docs/operators.md" },
                               { "json", 0, OPTION_FLAG, &as_json, NULL, "print one JSON object" },
                               { NULL } };
    const verb_usage usage = {
        "operators",
        "",
        "Lists the operators of this build: domain, name, opset versions, numbers of inputs and\n"
        "outputs, and the element types of the first input.",
        options,
        0,
        0
    };
    int count, status, rows = 0;
    if (!options_parse(&usage, argc, argv, &count, &status))
        return status;
    const op_row *table = op_rows(&rows);
    json j = { .out = stdout };
    if (as_json) {
        json_begin(&j, NULL, '{');
        json_begin(&j, "operators", '[');
    } else if (markdown) {
        printf("# Operators\n\n"
               "<!-- Made by `onyx operators --markdown`; a test compares. Do not edit. -->\n\n"
               "Versions are opset versions of the operator's domain; older forms are rewritten to these when a model\n"
               "is loaded. Types are those of the first input (of the first output where there is no input).\n\n"
               "| domain | operator | versions | inputs | outputs | types |\n|---|---|---|---|---|---|\n");
    }
    for (int i = 0; i < rows; i++) {
        if (strcmp(table[i].domain, OP_DOMAIN_ONYX) == 0)
            continue; /* made by passes alone */
        if (as_json)
            json_row(&j, &table[i]);
        else
            print_row(&table[i], markdown);
    }
    if (as_json) {
        json_end(&j, ']');
        json_begin(&j, "expanded", '[');
    }
    print_expanded(as_json ? &j : NULL, markdown);
    if (as_json) {
        json_end(&j, ']');
        json_end(&j, '}');
    }
    return EXIT_DONE;
}
