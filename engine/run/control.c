/* SPDX-License-Identifier: BSD-2-Clause
 *
 * If, Loop and Scan that depend on data, and nodes that are worth a plan once their shapes are known. Each sub-graph is
 * a model of its own (graph/bodies.h) with programs for the shapes it meets; a session runs it in a session inside its
 * own. States of a loop are bound where the iteration before left them; what is copied are results, once, and scan
 * outputs. */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "graph/bodies.h"
#include "run/run.h"

/* Iterations of all loops in one run: a model may not run for ever. */
#define ITERATIONS_MOST (INT64_C(1) << 20)

/* Sub-graphs that are run, of all programs of a model. Each is a model of its own, and functions let a small file have
 * very many. */
#define BODIES_MOST 8192

/* ---- sub-graphs as models ---- */

static onyx_status new_body(onyx_model *outer, graph *g, const graph_node *node, int index, onyx_model **result,
                            onyx_error *error)
{
    graph_body body;
    onyx_model *model = calloc(1, sizeof(*model));
    if (!model)
        return status_no_memory(error, sizeof(*model), "a sub-graph");
    atomic_init(&model->references, 1);
    atomic_init(&model->bodies, 0);
    pthread_mutex_init(&model->mutex, NULL);
    *result = model;
    model->root = outer->root ? outer->root : outer;
    if (atomic_fetch_add(&model->root->bodies, 1) >= BODIES_MOST)
        return status_fail(error, ONYX_ERROR_LIMIT, "node '%s' (%s): more than %d sub-graphs that depend on data",
                           node->name, node->row->name, BODIES_MOST);
    model->options = outer->options;
    model->pool = outer->pool;
    model->kernels = outer->kernels;
    model->store = packed_store_new();
    if (!model->store)
        return status_no_memory(error, 0, "packed weights");
    STATUS_TRY(graph_body_formals(g, node, index, &body, error));
    return graph_body_file(g, node, &body, &model->file, error);
}

/* Compiles at once what can be, so that the first run need not, and what is missing is said now. What else is wrong may
 * be in a branch that is never taken. */
static onyx_status compile_early(onyx_model *body, const graph_node *node, onyx_error *error)
{
    onyx_error local = { .message = "" };
    const onyx_status status = model_is_fixed(body) ? model_compile_fixed(body, &local) : ONYX_OK;
    if (status != ONYX_ERROR_UNSUPPORTED && status != ONYX_ERROR_MEMORY && status != ONYX_ERROR_LIMIT)
        return ONYX_OK;
    if (error)
        *error = local;
    return status_context(error, status, "node '%s' (%s)", node->name, node->row->name);
}

onyx_status control_compile(onyx_model *model, compiled *c, onyx_error *error)
{
    const program *p = c->program;
    if (!p->control_count)
        return ONYX_OK;
    c->bodies = calloc((size_t)p->control_count * CONTROL_BODIES, sizeof(*c->bodies));
    if (!c->bodies)
        return status_no_memory(error, sizeof(*c->bodies), "sub-graphs");
    for (int i = 0; i < p->step_count; i++) {
        const program_step *step = &p->steps[i];
        for (int k = 0; step->control && k < CONTROL_BODIES; k++) {
            onyx_model **body = &c->bodies[step->control_index * CONTROL_BODIES + k];
            if (!step->control->control->bodies[k])
                continue;
            STATUS_TRY(new_body(model, p->graph, step->control, k, body, error));
            STATUS_TRY(compile_early(*body, step->control, error));
        }
    }
    return ONYX_OK;
}

void control_free_compiled(compiled *c)
{
    for (int i = 0; c->bodies && i < c->program->control_count * CONTROL_BODIES; i++)
        onyx_model_unref(c->bodies[i]);
    free(c->bodies);
}

/* ---- one run of a sub-graph ---- */

/* A scan output: one item of each iteration, behind each other. */
typedef struct stack {
    onyx_tensor item; /* type and shape of the first */
    int64_t count;
    grown memory;
    size_t bytes;
} stack;

/* What runs need, kept from one to the next. */
struct control_body {
    onyx_session *session; /* made by the first run */
    onyx_tensor *inputs;
    grown *slices; /* of scan inputs, by number */
    int64_t *axes; /* of these */
    stack *stacks; /* of scan outputs, by number */
    grown turned;  /* a scan output with its axis in place */
};

static int body_number(const program_step *step, int index)
{
    return step->control_index * CONTROL_BODIES + index;
}

bool control_new(onyx_session *session)
{
    const program *p = session->program;
    if (!p->control_count)
        return true;
    session->bodies = calloc((size_t)p->control_count * CONTROL_BODIES, sizeof(*session->bodies));
    bool done = session->bodies != NULL;
    for (int i = 0; i < p->step_count && done; i++) {
        const program_step *step = &p->steps[i];
        for (int k = 0; step->control && k < CONTROL_BODIES && done; k++) {
            const onyx_model *model = session->compiled->bodies[body_number(step, k)];
            struct control_body *body = &session->bodies[body_number(step, k)];
            if (!model)
                continue;
            body->inputs = calloc((size_t)model->file->graph->input_count + 1, sizeof(*body->inputs));
            body->slices = calloc((size_t)step->input_count + 1, sizeof(*body->slices));
            body->axes = calloc((size_t)step->input_count + 1, sizeof(*body->axes));
            body->stacks = calloc((size_t)step->output_count + 1, sizeof(*body->stacks));
            done = body->inputs && body->slices && body->axes && body->stacks;
        }
    }
    return done;
}

void control_free(onyx_session *session)
{
    const program *p = session->program;
    for (int i = 0; session->bodies && i < p->step_count; i++) {
        const program_step *step = &p->steps[i];
        for (int k = 0; step->control && k < CONTROL_BODIES; k++) {
            struct control_body *body = &session->bodies[body_number(step, k)];
            for (int n = 0; body->slices && n < step->input_count; n++)
                memory_free(body->slices[n].data);
            for (int n = 0; body->stacks && n < step->output_count; n++)
                memory_free(body->stacks[n].memory.data);
            memory_free(body->turned.data);
            onyx_session_free(body->session);
            free(body->inputs);
            free(body->slices);
            free(body->axes);
            free(body->stacks);
        }
    }
    free(session->bodies);
}

/* Where the caller's memory cannot be used as it is, it is copied. */
static onyx_status give_input(onyx_session *inner, int index, const onyx_tensor *tensor, onyx_error *error)
{
    onyx_tensor own;
    if (tensor->data && (uintptr_t)tensor->data % ONYX_ALIGNMENT == 0)
        return onyx_session_bind_input(inner, index, tensor, error);
    STATUS_TRY(onyx_session_bind_input(inner, index, NULL, error));
    STATUS_TRY(onyx_session_input(inner, index, &own, error));
    if (tensor->size_bytes)
        memcpy(own.data, tensor->data, tensor->size_bytes);
    return ONYX_OK;
}

static int64_t *iterations(onyx_session *session)
{
    return session->outer_iterations ? session->outer_iterations : &session->iterations_left;
}

/* body->inputs begin with the formal ones; the outer values are added. */
static onyx_status run_body(onyx_session *session, const program_step *step, int index, onyx_outputs **outputs,
                            onyx_error *error)
{
    const graph_node *node = step->control;
    struct control_body *body = &session->bodies[body_number(step, index)];
    onyx_model *model = session->compiled->bodies[body_number(step, index)];
    const int own = node->control->own_inputs;
    int count = node->control->bodies[index]->input_count;
    for (int i = 0; i < node->control->capture_count; i++)
        if (control_reads(node, index, i) && !node->inputs[own + i]->is_constant)
            body->inputs[count++] = session->tensors[step->inputs[own + i]];
    if (!body->session)
        STATUS_TRY(onyx_session_new(model, body->inputs, &body->session, error));
    else if (!model_same_shapes(body->session->compiled->shapes, body->inputs, count))
        STATUS_TRY(onyx_session_reshape(body->session, body->inputs, error));
    body->session->outer_iterations = iterations(session);
    for (int i = 0; i < count; i++)
        STATUS_TRY(give_input(body->session, i, &body->inputs[i], error));
    return session_run_inside(body->session, outputs, error);
}

/* ---- results ---- */

/* Copies a result into output `index` of the step. */
static onyx_status give_output(onyx_session *session, const program_step *step, int index, const onyx_tensor *result,
                               onyx_error *error)
{
    const int slot = step->outputs[index];
    if (slot < 0)
        return ONYX_OK;
    onyx_tensor *output = &session->tensors[slot];
    if (result->type != session->program->slots[slot].tensor.type)
        return status_fail(error, ONYX_ERROR_TYPE, "output %d is %s in its sub-graph, not %s", index,
                           onyx_type_name(result->type), onyx_type_name(session->program->slots[slot].tensor.type));
    if (session->program->slots[slot].kind == SLOT_DYNAMIC) {
        if (result->size_bytes > memory_limit(&session->model->options))
            return status_fail(error, ONYX_ERROR_LIMIT, "output %d needs %zu bytes, more than max_memory_bytes", index,
                               result->size_bytes);
        if (!grown_reserve(&session->dynamic[slot], result->size_bytes))
            return status_no_memory(error, result->size_bytes, "an output");
        *output = *result;
        output->data = session->dynamic[slot].data;
    }
    if (!model_same_shapes(output, result, 1))
        return status_fail(error, ONYX_ERROR_SHAPE, "output %d has another shape than its sub-graph promised", index);
    if (result->size_bytes)
        memcpy(output->data, result->data, result->size_bytes);
    return ONYX_OK;
}

static onyx_status run_if(onyx_session *session, const program_step *step, onyx_error *error)
{
    const onyx_tensor *condition = &session->tensors[step->inputs[0]];
    onyx_outputs *outputs;
    if (condition->size_bytes != 1)
        return status_fail(error, ONYX_ERROR_SHAPE, "the condition has %zu elements, not one", condition->size_bytes);
    STATUS_TRY(run_body(session, step, *(const uint8_t *)condition->data ? 0 : 1, &outputs, error));
    onyx_status status = ONYX_OK;
    for (int i = 0; i < step->output_count && status == ONYX_OK; i++)
        status = give_output(session, step, i, &outputs->tensors[i], error);
    onyx_outputs_unref(outputs);
    return status;
}

/* A node whose shapes are known now: there is a plan for them, or one is made. */
static onyx_status run_late(onyx_session *session, const program_step *step, onyx_error *error)
{
    onyx_outputs *outputs;
    STATUS_TRY(run_body(session, step, 0, &outputs, error));
    onyx_status status = ONYX_OK;
    for (int i = 0, given = 0; i < step->output_count && status == ONYX_OK; i++)
        if (step->outputs[i] >= 0)
            status = give_output(session, step, i, &outputs->tensors[given++], error);
    onyx_outputs_unref(outputs);
    return status;
}

/* ---- scan outputs ---- */

static onyx_status push(onyx_session *session, int number, stack *s, const onyx_tensor *item, onyx_error *error)
{
    grown *memory = &s->memory;
    size_t needed;
    if (s->count == 0)
        s->item = *item;
    else if (!model_same_shapes(&s->item, item, 1))
        return status_fail(error, ONYX_ERROR_SHAPE, "scan output %d changes its shape from one iteration to the next",
                           number);
    if (item->rank == ONYX_MAX_RANK || type_is_packed(item->type))
        return status_fail(error, ONYX_ERROR_UNSUPPORTED, "scan output %d is %s of %d dimensions", number,
                           onyx_type_name(item->type), item->rank);
    if (!size_add(s->bytes, item->size_bytes, &needed) || needed > memory_limit(&session->model->options))
        return status_fail(error, ONYX_ERROR_LIMIT, "scan output %d needs more than max_memory_bytes", number);
    if (!memory->data || needed > memory->capacity) {
        grown larger = { NULL, 0 };
        if (!grown_reserve(&larger, 2 * needed))
            return status_no_memory(error, 2 * needed, "a scan output");
        if (s->bytes)
            memcpy(larger.data, memory->data, s->bytes);
        memory_free(memory->data);
        *memory = larger;
    }
    if (item->size_bytes)
        memcpy((char *)memory->data + s->bytes, item->data, item->size_bytes);
    s->bytes = needed;
    s->count++;
    return ONYX_OK;
}

/* Rows of `bytes` of each item: [count][rows] becomes [rows][count]; in reverse, the last item first. */
static void interleave(const char *from, char *to, size_t count, size_t rows, size_t bytes, bool reverse)
{
    for (size_t i = 0; i < count; i++)
        for (size_t r = 0; r < rows; r++)
            memcpy(to + (r * count + (reverse ? count - 1 - i : i)) * bytes, from + (i * rows + r) * bytes, bytes);
}

static onyx_status give_stack(onyx_session *session, const program_step *step, struct control_body *body, int output,
                              int number, int64_t axis, bool reverse, onyx_error *error)
{
    const stack *s = &body->stacks[number];
    onyx_tensor whole = s->item;
    if (s->count == 0) { /* never run: as many dims as the sub-graph says */
        const op_value *info = &step->control->control->found[output];
        whole = (onyx_tensor){ .type = info->type, .rank = MAX(info->rank, 1) };
        const int most = info->rank < 0 ? ONYX_MAX_RANK : whole.rank;
        if (axis < -most || axis >= most)
            return status_fail(error, ONYX_ERROR_SHAPE, "scan output %d has no axis %lld", number, (long long)axis);
        axis = axis < 0 ? axis + whole.rank : axis;
        for (int i = 0; i < info->rank; i++)
            whole.dims[i] = i == axis ? 0 : MAX(info->dims[i], 0);
        return give_output(session, step, output, &whole, error);
    }
    axis = axis < 0 ? axis + whole.rank + 1 : axis;
    if (axis < 0 || axis > whole.rank)
        return status_fail(error, ONYX_ERROR_SHAPE, "scan output %d has no axis %lld", number, (long long)axis);
    memmove(whole.dims + axis + 1, whole.dims + axis, sizeof(*whole.dims) * (size_t)(whole.rank - axis));
    whole.dims[axis] = s->count;
    whole.rank++;
    whole.size_bytes = s->bytes;
    whole.data = s->memory.data;
    size_t rows = 1;
    for (int i = 0; i < axis; i++)
        rows *= (size_t)whole.dims[i];
    if ((rows == 1 && !reverse) || whole.size_bytes == 0)
        return give_output(session, step, output, &whole, error);
    if (!grown_reserve(&body->turned, whole.size_bytes))
        return status_no_memory(error, whole.size_bytes, "a scan output");
    interleave(whole.data, body->turned.data, (size_t)s->count, rows, whole.size_bytes / (size_t)s->count / rows,
               reverse);
    whole.data = body->turned.data;
    return give_output(session, step, output, &whole, error);
}

/* ---- loops ---- */

static onyx_status count_iteration(onyx_session *session, onyx_error *error)
{
    if ((*iterations(session))-- > 0)
        return ONYX_OK;
    return status_fail(error, ONYX_ERROR_LIMIT, "more than %lld iterations in one run", (long long)ITERATIONS_MOST);
}

/* A scalar, or one dimension, as the sub-graph declares it. */
static onyx_tensor one_element(const graph_node *node, int input, onyx_type type, void *data, size_t bytes)
{
    return (onyx_tensor){ .type = type,
                          .rank = node->control->bodies[0]->inputs[input].rank == 1,
                          .dims = { 1 },
                          .data = data,
                          .size_bytes = bytes };
}

typedef struct loop {
    onyx_session *session;
    const program_step *step;
    struct control_body *body;
    onyx_outputs *held; /* what the last iteration gave: states are there */
    int states, scans;
    int first_state; /* of the body's inputs, and of the step's */
    int first_result;
    onyx_error *error;
} loop;

static void begin(loop *l)
{
    const int states = l->step->control->control->own_inputs;
    for (int i = 0; i < states; i++)
        if (l->step->inputs[i] >= 0)
            l->body->inputs[i] = l->session->tensors[l->step->inputs[i]];
    for (int k = 0; k < l->scans; k++) {
        l->body->stacks[k].count = 0;
        l->body->stacks[k].bytes = 0;
    }
}

static onyx_status iterate(loop *l)
{
    onyx_outputs *outputs;
    STATUS_TRY(count_iteration(l->session, l->error));
    STATUS_TRY(run_body(l->session, l->step, 0, &outputs, l->error));
    if (l->held)
        onyx_outputs_unref(l->held);
    l->held = outputs;
    for (int i = 0; i < l->states; i++)
        l->body->inputs[l->first_state + i] = outputs->tensors[l->first_result + i];
    for (int k = 0; k < l->scans; k++)
        STATUS_TRY(
            push(l->session, k, &l->body->stacks[k], &outputs->tensors[l->first_result + l->states + k], l->error));
    return ONYX_OK;
}

static onyx_status end(loop *l, const scan_params *scan, onyx_status status)
{
    for (int i = 0; i < l->states && status == ONYX_OK; i++)
        status = give_output(l->session, l->step, i, &l->body->inputs[l->first_state + i], l->error);
    for (int k = 0; k < l->scans && status == ONYX_OK; k++)
        status =
            give_stack(l->session, l->step, l->body, l->states + k, k, scan ? scan_value(&scan->output_axes, k) : 0,
                       scan && scan_value(&scan->output_directions, k) != 0, l->error);
    if (l->held)
        onyx_outputs_unref(l->held);
    return status;
}

static onyx_status run_loop(onyx_session *session, const program_step *step, onyx_error *error)
{
    const struct graph_control *control = step->control->control;
    loop l = { .session = session,
               .step = step,
               .body = &session->bodies[body_number(step, 0)],
               .error = error,
               .states = control->own_inputs - LOOP_FORMALS,
               .first_state = LOOP_FORMALS,
               .first_result = 1 };
    int64_t most = INT64_MAX, i = 0;
    uint8_t go = 1;
    l.scans = step->output_count - l.states;
    for (int k = 0; k < LOOP_FORMALS; k++) {
        const onyx_tensor *given = step->inputs[k] < 0 ? NULL : &session->tensors[step->inputs[k]];
        if (given && (given->type != (k ? ONYX_TYPE_BOOL : ONYX_TYPE_INT64) || given->size_bytes != (k ? 1u : 8u)))
            return status_fail(error, ONYX_ERROR_SHAPE, "its %s is no single number", k ? "condition" : "trip count");
        if (given && k)
            go = *(const uint8_t *)given->data;
        else if (given)
            most = *(const int64_t *)given->data;
    }
    begin(&l);
    onyx_status status = ONYX_OK;
    for (; i < most && go && status == ONYX_OK; i++) {
        l.body->inputs[0] = one_element(step->control, 0, ONYX_TYPE_INT64, &i, sizeof(i));
        l.body->inputs[1] = one_element(step->control, 1, ONYX_TYPE_BOOL, &go, sizeof(go));
        status = iterate(&l);
        if (status == ONYX_OK && (l.held->tensors[0].type != ONYX_TYPE_BOOL || l.held->tensors[0].size_bytes != 1))
            status = status_fail(error, ONYX_ERROR_SHAPE, "its condition is no single bool");
        if (status == ONYX_OK)
            go = *(const uint8_t *)l.held->tensors[0].data;
    }
    return end(&l, NULL, status);
}

/* Item `index` of x along `axis` into memory of its own. */
static onyx_status slice(const onyx_tensor *x, int64_t axis, int64_t index, grown *memory, onyx_tensor *item,
                         onyx_error *error)
{
    *item = *x;
    const size_t length = (size_t)x->dims[axis], bytes = x->size_bytes / length;
    size_t rows = 1;
    for (int i = 0; i < axis; i++)
        rows *= (size_t)x->dims[i];
    if (!grown_reserve(memory, bytes))
        return status_no_memory(error, bytes, "a scan input");
    item->data = memory->data;
    item->size_bytes = bytes;
    item->rank--;
    memmove(item->dims + axis, item->dims + axis + 1, sizeof(*item->dims) * (size_t)(item->rank - axis));
    const size_t row = rows ? bytes / rows : 0;
    for (size_t r = 0; r < rows && row; r++)
        memcpy((char *)item->data + r * row, (const char *)x->data + (r * length + (size_t)index) * row, row);
    return ONYX_OK;
}

static onyx_status scan_trips(onyx_session *session, const program_step *step, int64_t *axes, int64_t *trips,
                              onyx_error *error)
{
    const scan_params *scan = step->row_params;
    const int states = step->control->control->own_inputs - scan->count;
    *trips = -1;
    for (int k = 0; k < scan->count; k++) {
        const onyx_tensor *x = &session->tensors[step->inputs[states + k]];
        const int64_t axis = scan_value(&scan->input_axes, k);
        axes[k] = axis < 0 ? axis + x->rank : axis;
        if (axes[k] < 0 || axes[k] >= x->rank || (*trips >= 0 && x->dims[axes[k]] != *trips))
            return status_fail(error, ONYX_ERROR_SHAPE, "scan input %d has no axis %lld, or another length there", k,
                               (long long)axis);
        if (type_is_packed(x->type))
            return status_fail(error, ONYX_ERROR_UNSUPPORTED, "scan input %d is %s", k, onyx_type_name(x->type));
        *trips = x->dims[axes[k]];
    }
    return ONYX_OK;
}

static onyx_status run_scan(onyx_session *session, const program_step *step, onyx_error *error)
{
    const scan_params *scan = step->row_params;
    const int states = step->control->control->own_inputs - scan->count;
    loop l = { .session = session,
               .step = step,
               .body = &session->bodies[body_number(step, 0)],
               .error = error,
               .states = states,
               .scans = step->output_count - states };
    int64_t trips;
    STATUS_TRY(scan_trips(session, step, l.body->axes, &trips, error));
    begin(&l);
    onyx_status status = ONYX_OK;
    for (int64_t i = 0; i < trips && status == ONYX_OK; i++) {
        for (int k = 0; k < scan->count && status == ONYX_OK; k++)
            status = slice(&session->tensors[step->inputs[states + k]], l.body->axes[k],
                           scan_value(&scan->input_directions, k) ? trips - 1 - i : i, &l.body->slices[k],
                           &l.body->inputs[states + k], error);
        if (status == ONYX_OK)
            status = iterate(&l);
    }
    return end(&l, scan, status);
}

onyx_status session_run_control(onyx_session *session, const program_step *step, onyx_error *error)
{
    onyx_status status;
    if (!(step->row->flags & OP_CONTROL))
        status = run_late(session, step, error);
    else if (strcmp(step->row->name, "If") == 0)
        status = run_if(session, step, error);
    else if (strcmp(step->row->name, "Loop") == 0)
        status = run_loop(session, step, error);
    else
        status = run_scan(session, step, error);
    return status == ONYX_OK ? ONYX_OK : status_context(error, status, "node '%s' (%s)", step->name, step->op);
}

void control_start(onyx_session *session)
{
    session->iterations_left = ITERATIONS_MOST;
}
