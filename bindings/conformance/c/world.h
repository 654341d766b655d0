/* The handles of a running case, and what its steps do with them. */
#ifndef WORLD_H
#define WORLD_H

#include "step.h"

#include <pthread.h>
#include <stdatomic.h>

/* Far beyond what any step needs; a wait that reaches it has been lost. */
#define LIMIT_NS INT64_C(30000000000)

typedef enum {
    KERNEL,
    PUBLISHER,
    LOAN,
    SUBSCRIPTION,
    MESSAGE,
    SERVICE,
    HANDLER,
    REQUEST,
    CALL,
    JOB
} kind_t;

typedef struct handler handler_t;
typedef struct job job_t;

typedef struct {
    char *name;
    kind_t kind;
    void *it;
    /* Of a loan: where to write, and how far. */
    uint8_t *data;
    size_t len;
} handle_t;

typedef struct {
    const char *id;
    const char *scheme;
    handle_t *handles;
    size_t count;
    /* Number of this turn of a step with `times`; -1 without. */
    long turn;
    /* Why the step itself is wrong; ends the case. */
    text_t broken;
} world_t;

/* Says why a step cannot be run. */
void broken(world_t *world, const char *format, const char *name);
handle_t *find(world_t *world, const char *name, kind_t kind);
void *get(world_t *world, const fields_t *step, const char *key, kind_t kind);
neo_kernel_t *kernel_of(world_t *world, const fields_t *step);
handle_t *keep(world_t *world, const char *name, kind_t kind, void *it);
/* Takes a handle out without giving it back. */
void forget(world_t *world, handle_t *handle);
void give_back(handle_t *handle);
neo_slice_t slice_of(const fields_t *step, const char *key);

/* The status of a call of the library as an observation; true if there is more to observe. */
int succeeded(fields_t *seen, neo_status_t status, const neo_error_t *err);
void observe_published(fields_t *seen, const neo_publish_result_t *result);
void observe_view(fields_t *seen, const neo_view_t *view);
void observe_reply(fields_t *seen, neo_view_t *view);
text_t payload(world_t *world, const fields_t *step);

/* Each runs the ops of its file and returns 0 for one that is not its own. */
int run_kernel(world_t *world, const char *op, const fields_t *step, fields_t *seen);
int run_publish(world_t *world, const char *op, const fields_t *step, fields_t *seen);
int run_receive(world_t *world, const char *op, const fields_t *step, fields_t *seen);
int run_serve(world_t *world, const char *op, const fields_t *step, fields_t *seen);
int run_background(world_t *world, const char *op, const fields_t *step, fields_t *seen);

/* One side of a pair of processes; its exit code. */
int run_peer(const char *role, const char *url);

void handler_end(handler_t *handler);
/* The arguments of a call, to be freed. */
typedef struct {
    neo_kernel_t *kernel;
    text_t service, method, payload;
    neo_call_opts_t opts;
} call_args_t;
call_args_t call_args(world_t *world, const fields_t *step);
void call_args_free(call_args_t *args);
void run_call(const call_args_t *args, fields_t *seen);

#endif
