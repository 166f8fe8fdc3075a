/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Activation functions that exporters write in parts. Most are products: x * sigmoid(x), x * clip(x + 3, 0, 6) / 6,
 * 0.5 * x * (1 + erf(x / sqrt 2)), x * tanh(softplus(x)). A product tree of Mul and Div, whatever its order, is
 * flattened to one number and a few factors; then rows say which factors make which function. */
#include "graph/passes.h"

#include <math.h>
#include <string.h>

#define MAX_FACTORS 4
#define TREE_DEPTH 6

typedef struct product {
    double number;
    graph_value *factors[MAX_FACTORS];
    int count;
} product;

/* Within the rounding of float32 constants, and of those that exporters wrote with few digits (0.16667). */
static bool near(double x, double wanted)
{
    return fabs(x - wanted) <= 2e-5 * fabs(wanted);
}

static bool add_factor(graph *g, product *p, graph_value *value, bool root, int depth);

/* The factors of a Mul, or of a Div by a constant. Inner values that others read too are factors as they are. */
static bool add_node(graph *g, product *p, const graph_node *node, int depth)
{
    double number;
    const int index = graph_with_scalar(g, node, &number);
    if (graph_is(node, "Div")) {
        if (index != 0 || number == 0)
            return false;
        p->number /= number;
        return add_factor(g, p, node->inputs[0], false, depth);
    }
    if (!graph_is(node, "Mul"))
        return false;
    if (index >= 0) {
        p->number *= number;
        return add_factor(g, p, node->inputs[index], false, depth);
    }
    return add_factor(g, p, node->inputs[0], false, depth) && add_factor(g, p, node->inputs[1], false, depth);
}

static bool add_factor(graph *g, product *p, graph_value *value, bool root, int depth)
{
    graph_node *maker = value->producer;
    if (maker && depth < TREE_DEPTH && (root || graph_sole(value)) && graph_is_f32(value)) {
        product saved = *p;
        if (add_node(g, p, maker, depth + 1))
            return true;
        *p = saved;
    }
    if (p->count == MAX_FACTORS)
        return false;
    p->factors[p->count++] = value;
    return true;
}

/* ---- factors as functions of x ---- */

/* value = x * *a + *b with constants; *x is `stop` where the chain of numbers meets it, else where the chain ends. */
static void linear_of(graph *g, graph_value *value, const graph_value *stop, graph_value **x, double *a, double *b)
{
    *a = 1;
    *b = 0;
    for (int depth = 0; depth < 3 && value != stop; depth++) {
        double number;
        graph_node *node = value->producer;
        const int index = node ? graph_with_scalar(g, node, &number) : -1;
        if (index < 0)
            break;
        if (graph_is(node, "Add"))
            *b += *a * number;
        else if (graph_is(node, "Sub") && index == 0)
            *b -= *a * number;
        else if (graph_is(node, "Mul"))
            *a *= number;
        else if (graph_is(node, "Div") && index == 0 && number != 0)
            *a /= number;
        else
            break;
        value = node->inputs[index];
    }
    *x = value;
}

/* value = clip(x * a + b, 0, limit): *x, a and b. */
static bool clipped_of(graph *g, graph_value *value, const graph_value *stop, graph_value **x, double *a, double *b,
                       double *limit)
{
    float low, high;
    graph_node *clip = graph_maker(value, "Clip");
    if (!clip || !graph_clip_limits(g, clip, &low, &high) || low != 0 || !isfinite(high))
        return false;
    linear_of(g, clip->inputs[0], stop, x, a, b);
    *limit = (double)high;
    return true;
}

static graph_value *argument(const graph_value *value, const char *op)
{
    graph_node *node = graph_maker(value, op);
    return node ? node->inputs[0] : NULL;
}

static bool is_sigmoid(graph *g, double number, graph_value *x, graph_value *f)
{
    (void)g;
    return near(number, 1) && argument(f, "Sigmoid") == x;
}

/* f = sigmoid(alpha * x), of an alpha that is not 1 */
static bool is_swish(graph *g, double number, const graph_value *x, const graph_value *f, double *alpha)
{
    graph_value *inner = near(number, 1) ? argument(f, "Sigmoid") : NULL, *y;
    double b;
    if (!inner || inner == x)
        return false;
    linear_of(g, inner, x, &y, alpha, &b);
    return y == x && b == 0 && *alpha != 1;
}

static bool is_hard_sigmoid(graph *g, double number, graph_value *x, graph_value *f)
{
    graph_node *node = graph_maker(f, "HardSigmoid");
    graph_value *y;
    double a, b, limit;
    if (node && node->inputs[0] == x) {
        const unary_params *params = node->params;
        return near(number, 1) && near((double)params->alpha, 1.0 / 6) && near((double)params->beta, 0.5);
    }
    if (!clipped_of(g, f, x, &y, &a, &b, &limit))
        return false;
    return y == x && near(number * limit, 1) && near(a, limit / 6) && near(b, limit / 2);
}

static bool is_gelu(graph *g, double number, graph_value *x, graph_value *f)
{
    graph_value *erf, *y;
    double a, b, inner_a, inner_b;
    linear_of(g, f, NULL, &erf, &a, &b);
    graph_value *inner = argument(erf, "Erf");
    if (!inner || !near(number * a, 0.5) || !near(number * b, 0.5))
        return false;
    linear_of(g, inner, x, &y, &inner_a, &inner_b);
    return y == x && near(inner_a, 0.70710678118654752) && inner_b == 0;
}

/* value = x^3 */
static bool is_cube(graph *g, const graph_value *value, const graph_value *x)
{
    double exponent;
    graph_node *pow = graph_maker(value, "Pow"), *mul = graph_maker(value, "Mul");
    for (int i = 0; mul && i < 2; i++) {
        graph_node *square = mul->inputs[i] == x ? graph_maker(mul->inputs[1 - i], "Mul") : NULL;
        if (square && square->inputs[0] == x && square->inputs[1] == x)
            return true;
    }
    return pow && pow->inputs[0] == x && graph_uniform(g, pow->inputs[1], &exponent) && exponent == 3;
}

/* f = 1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)) */
static bool is_gelu_tanh(graph *g, double number, const graph_value *x, graph_value *f)
{
    graph_value *tanh, *sum, *cube;
    double a, b;
    linear_of(g, f, NULL, &tanh, &a, &b);
    graph_value *inner = argument(tanh, "Tanh");
    if (!inner || !near(number * a, 0.5) || !near(number * b, 0.5))
        return false;
    linear_of(g, inner, x, &sum, &a, &b);
    const graph_node *add = near(a, 0.79788456) && b == 0 ? graph_maker(sum, "Add") : NULL;
    for (int i = 0; add && i < 2; i++)
        if (add->inputs[i] == x) {
            linear_of(g, add->inputs[1 - i], NULL, &cube, &a, &b);
            return near(a, 0.044715) && b == 0 && is_cube(g, cube, x);
        }
    return false;
}

static bool is_mish(graph *g, double number, graph_value *x, graph_value *f)
{
    (void)g;
    graph_value *inner = near(number, 1) ? argument(f, "Tanh") : NULL;
    if (!inner)
        return false;
    if (argument(inner, "Softplus") == x)
        return true;
    graph_value *sum = argument(inner, "Log"), *exponential; /* log(1 + exp(x)) */
    double a, b;
    if (!sum)
        return false;
    linear_of(g, sum, NULL, &exponential, &a, &b);
    return near(a, 1) && near(b, 1) && argument(exponential, "Exp") == x;
}

/* number * x * f(x) */
static const struct {
    const char *domain, *op;
    bool (*is)(graph *g, double number, graph_value *x, graph_value *f);
} pairs[] = {
    { OP_DOMAIN_ONYX, "Silu", is_sigmoid },
    { "", "HardSwish", is_hard_sigmoid },
    { "", "Gelu", is_gelu },
    { "", "Mish", is_mish },
};

static onyx_status match_product(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    product p = { .number = 1 };
    if (!graph_is_f32(node->outputs[0]) || !add_factor(g, &p, node->outputs[0], true, 0) || p.count != 2)
        return ONYX_OK;
    for (int i = 0; i < 2; i++) {
        graph_value *x = p.factors[i], *f = p.factors[1 - i];
        double alpha;
        const bool swish = is_swish(g, p.number, x, f, &alpha);
        if (graph_is_f32(x) && (swish || is_gelu_tanh(g, p.number, x, f))) {
            const op_attribute attribute =
                swish ? attribute_float("alpha", (float)alpha) : attribute_string("approximate", "tanh");
            *changed = true;
            return graph_substitute(g, node, "", swish ? "Swish" : "Gelu", node->name, &x, 1, &attribute, 1, NULL,
                                    error);
        }
        for (size_t r = 0; r < ARRAY_LENGTH(pairs); r++) {
            if (!graph_is_f32(x) || !pairs[r].is(g, p.number, x, f))
                continue;
            *changed = true;
            return graph_substitute(g, node, pairs[r].domain, pairs[r].op, node->name, &x, 1, NULL, 0, NULL, error);
        }
    }
    return ONYX_OK;
}

/* clip(x * a + b, 0, limit) / limit, or a Clip to 1 by itself: HardSigmoid. */
static onyx_status match_hard_sigmoid(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    product p = { .number = 1 };
    graph_value *x;
    double a, b, limit;
    if (graph_is(node, "Clip"))
        p.factors[p.count++] = node->outputs[0];
    else if (!add_factor(g, &p, node->outputs[0], true, 0))
        return ONYX_OK;
    if (p.count != 1 || !clipped_of(g, p.factors[0], NULL, &x, &a, &b, &limit) || !near(p.number * limit, 1) ||
        !graph_is_f32(x) || (a == 1 && b == 0) || a == 0)
        return ONYX_OK;
    const op_attribute attributes[] = { attribute_float("alpha", (float)(a * p.number)),
                                        attribute_float("beta", (float)(b * p.number)) };
    *changed = true;
    return graph_substitute(g, node, "", "HardSigmoid", node->name, &x, 1, attributes, 2, NULL, error);
}

/* 1 / (1 + exp(-x)) */
static onyx_status match_sigmoid(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_value *exponential, *x;
    double a, b, number;
    graph_value *sum = graph_is(node, "Reciprocal") ? node->inputs[0] : node->inputs[1];
    if (graph_is(node, "Div") && (graph_with_scalar(g, node, &number) != 1 || number != 1))
        return ONYX_OK;
    linear_of(g, sum, NULL, &exponential, &a, &b);
    graph_value *inner = a == 1 && b == 1 ? argument(exponential, "Exp") : NULL;
    if (!inner || !graph_is_f32(inner))
        return ONYX_OK;
    x = argument(inner, "Neg");
    if (!x) {
        linear_of(g, inner, NULL, &x, &a, &b);
        if (a != -1 || b != 0)
            return ONYX_OK;
    }
    *changed = true;
    return graph_substitute(g, node, "", "Sigmoid", node->name, &x, 1, NULL, 0, NULL, error);
}

/* Operators of their own that are another one for these attributes. */
static onyx_status match_named(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    const op_attributes attributes = { node->attributes, node->attribute_count };
    const bool swish = graph_is(node, "Swish") || graph_is_in(node, OP_DOMAIN_MICROSOFT, "QuickGelu");
    const char *domain = OP_DOMAIN_ONYX, *op = "Silu";
    if (swish && op_attribute_float(&attributes, "alpha", graph_is(node, "Swish") ? 1 : 1.702f) != 1)
        return ONYX_OK;
    if (graph_is_in(node, OP_DOMAIN_MICROSOFT, "Gelu"))
        domain = "", op = "Gelu";
    else if (!swish)
        return ONYX_OK;
    *changed = true;
    return graph_substitute(g, node, domain, op, node->name, node->inputs, 1, NULL, 0, NULL, error);
}

onyx_status pass_activations(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        const bool multiplies = graph_is(node, "Mul") || graph_is(node, "Div");
        if (!graph_output(node, 0) || !graph_one_output(node) || !graph_is_f32(node->outputs[0]))
            continue;
        if (multiplies)
            STATUS_TRY(match_product(g, node, changed, error));
        if ((multiplies || graph_is(node, "Clip")) && !node->removed)
            STATUS_TRY(match_hard_sigmoid(g, node, changed, error));
        if ((graph_is(node, "Div") || graph_is(node, "Reciprocal")) && !node->removed)
            STATUS_TRY(match_sigmoid(g, node, changed, error));
        if (!node->removed)
            STATUS_TRY(match_named(g, node, changed, error));
    }
    return ONYX_OK;
}
