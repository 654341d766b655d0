/* Steps that run beside the others: calls on their way, and blocking operations on a thread. */
#define _GNU_SOURCE
#include "world.h"

#include <stdlib.h>
#include <time.h>

struct job {
    pthread_t thread;
    call_args_t call;
    /* Kept by a reference of the job's own. */
    neo_sub_t *sub;
    neo_pub_t *pub;
    text_t bytes;
    fields_t seen;
};

static void *run_job(void *argument)
{
    job_t *job = argument;
    neo_error_t err = NEO_ERROR_INIT;
    neo_view_t view;
    neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
    if (job->call.kernel != NULL) {
        run_call(&job->call, &job->seen);
    } else if (job->sub != NULL) {
        neo_status_t status = neo_recv(job->sub, &view, sizeof view, NEO_FOREVER, &err);
        if (succeeded(&job->seen, status, &err)) {
            observe_view(&job->seen, &view);
            neo_msg_release(view.msg);
        }
    } else {
        neo_status_t status =
            neo_publish(job->pub, job->bytes.data, job->bytes.len, NULL, &result, &err);
        if (succeeded(&job->seen, status, &err)) {
            observe_published(&job->seen, &result);
        }
    }
    return NULL;
}

static void spawn(world_t *world, const char *op, const fields_t *step)
{
    job_t *job = need(calloc(1, sizeof *job));
    if (strcmp(op, "spawn_call") == 0) {
        job->call = call_args(world, step);
        neo_kernel_retain(job->call.kernel);
    } else if (strcmp(op, "spawn_recv") == 0) {
        job->sub = get(world, step, "sub", SUBSCRIPTION);
        neo_sub_retain(job->sub);
    } else {
        job->pub = get(world, step, "publisher", PUBLISHER);
        job->bytes = payload(world, step);
        neo_pub_retain(job->pub);
    }
    if (world->broken.data != NULL || pthread_create(&job->thread, NULL, run_job, job) != 0) {
        broken(world, "`%s` cannot be started", op);
        free(job);
        return;
    }
    keep(world, word(step, "as", ""), JOB, job);
}

static void join(world_t *world, const fields_t *step, fields_t *seen)
{
    handle_t *handle = find(world, word(step, "of", ""), JOB);
    struct timespec until;
    if (handle == NULL) {
        return;
    }
    job_t *job = handle->it;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LIMIT_NS / 1000000000;
    if (pthread_timedjoin_np(job->thread, NULL, &until) != 0) {
        broken(world, "`%s` still waits", handle->name);
        return;
    }
    forget(world, handle);
    if (job->call.kernel != NULL) {
        neo_kernel_release(job->call.kernel);
        call_args_free(&job->call);
    }
    neo_sub_release(job->sub);
    neo_pub_release(job->pub);
    free(job->bytes.data);
    *seen = job->seen;
    free(job);
}

static void start_call(world_t *world, const fields_t *step, fields_t *seen)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_call_t *call = NULL;
    call_args_t args = call_args(world, step);
    neo_status_t status = neo_call_start(
        args.kernel, neo_slice(args.service.data, args.service.len),
        neo_slice(args.method.data, args.method.len), args.payload.data, args.payload.len, &call,
        &err);
    if (succeeded(seen, status, &err)) {
        keep(world, word(step, "as", ""), CALL, call);
    }
    call_args_free(&args);
}

static void end_call(world_t *world, const char *op, const fields_t *step, fields_t *seen)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_view_t view;
    handle_t *handle = find(world, word(step, "of", ""), CALL);
    if (handle == NULL) {
        return;
    }
    neo_call_t *call = handle->it;
    if (strcmp(op, "cancel_call") == 0) {
        succeeded(seen, neo_call_cancel(call), &err);
    } else {
        neo_status_t status = neo_call_wait(call, &view, sizeof view, LIMIT_NS, &err);
        if (status == NEO_AGAIN) {
            broken(world, "`%s` still waits", handle->name);
        } else if (succeeded(seen, status, &err)) {
            observe_reply(seen, &view);
        }
    }
    forget(world, handle);
    neo_call_release(call);
}

int run_background(world_t *world, const char *op, const fields_t *step, fields_t *seen)
{
    if (strcmp(op, "start_call") == 0) {
        start_call(world, step, seen);
    } else if (strcmp(op, "await_call") == 0 || strcmp(op, "cancel_call") == 0) {
        end_call(world, op, step, seen);
    } else if (strncmp(op, "spawn_", 6) == 0) {
        spawn(world, op, step);
    } else if (strcmp(op, "join") == 0) {
        join(world, step, seen);
    } else {
        return 0;
    }
    return 1;
}
