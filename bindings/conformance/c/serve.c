/* Steps of services and calls, and the handlers that a case can name. */
#include "world.h"

#include <stdlib.h>

struct handler {
    const char *rule;
    pthread_mutex_t lock;
    pthread_cond_t opened;
    int is_open;
    size_t count;
    struct worker {
        handler_t *handler;
        neo_service_t *service;
        pthread_t thread;
    } *workers;
};

static void answer(handler_t *handler, neo_request_t *request)
{
    neo_request_view_t view;
    neo_request_view(request, &view, sizeof view);
    if (strcmp(handler->rule, "fail") == 0) {
        neo_reply_error(request, neo_str("the handler says no"), NULL);
    } else if (strcmp(handler->rule, "method") == 0) {
        neo_reply(request, view.method.data, view.method.len, NULL);
    } else if (strcmp(handler->rule, "silent") != 0) {
        text_t bytes = text_of(view.data.data, view.data.len);
        for (size_t i = 0; i < bytes.len && strcmp(handler->rule, "upper") == 0; i++) {
            char c = bytes.data[i];
            bytes.data[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        }
        if (strcmp(handler->rule, "hold") == 0) {
            pthread_mutex_lock(&handler->lock);
            while (!handler->is_open) {
                pthread_cond_wait(&handler->opened, &handler->lock);
            }
            pthread_mutex_unlock(&handler->lock);
        }
        /* The caller is told what went wrong with a reply. */
        neo_reply(request, bytes.data, bytes.len, NULL);
        free(bytes.data);
    }
    neo_request_release(request);
}

static void *work(void *argument)
{
    struct worker *self = argument;
    neo_request_t *request = NULL;
    while (neo_service_recv(self->service, &request, NEO_FOREVER, NULL) == NEO_OK) {
        answer(self->handler, request);
    }
    return NULL;
}

static void unhold(handler_t *handler)
{
    pthread_mutex_lock(&handler->lock);
    handler->is_open = 1;
    pthread_cond_broadcast(&handler->opened);
    pthread_mutex_unlock(&handler->lock);
}

void handler_end(handler_t *handler)
{
    unhold(handler);
    for (size_t i = 0; i < handler->count; i++) {
        neo_service_close(handler->workers[i].service);
    }
    for (size_t i = 0; i < handler->count; i++) {
        pthread_join(handler->workers[i].thread, NULL);
        neo_service_release(handler->workers[i].service);
    }
    pthread_mutex_destroy(&handler->lock);
    pthread_cond_destroy(&handler->opened);
    free(handler->workers);
    free(handler);
}

static neo_status_t open_service(world_t *world, const fields_t *step, neo_service_t **service,
                                 neo_error_t *err)
{
    neo_service_opts_t opts = NEO_SERVICE_OPTS_INIT;
    opts.depth = (uint32_t)number(step, "depth", NEO_DEFAULT32);
    return neo_service_open(kernel_of(world, step), slice_of(step, "service"), &opts, service, err);
}

static void serve_handler(world_t *world, const fields_t *step, fields_t *seen)
{
    static const char *const rules[] = {"echo", "upper", "method", "fail", "silent", "hold"};
    size_t workers = number(step, "workers", 1);
    neo_error_t err = NEO_ERROR_INIT;
    handler_t *handler = need(calloc(1, sizeof *handler));
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (strcmp(rules[i], word(step, "handler", "")) == 0) {
            handler->rule = rules[i];
        }
    }
    handler->workers = need(calloc(workers + 1, sizeof *handler->workers));
    pthread_mutex_init(&handler->lock, NULL);
    pthread_cond_init(&handler->opened, NULL);
    if (handler->rule == NULL) {
        broken(world, "there is no handler `%s`", word(step, "handler", ""));
        handler_end(handler);
        return;
    }
    while (handler->count < workers) {
        struct worker *worker = &handler->workers[handler->count];
        if (!succeeded(seen, open_service(world, step, &worker->service, &err), &err)) {
            handler_end(handler);
            return;
        }
        worker->handler = handler;
        pthread_create(&worker->thread, NULL, work, worker);
        handler->count++;
    }
    keep(world, word(step, "as", ""), HANDLER, handler);
}

static void take_request(world_t *world, const fields_t *step, fields_t *seen)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_request_view_t view;
    neo_request_t *request = NULL;
    neo_service_t *service = get(world, step, "service", SERVICE);
    int64_t timeout_ns = (int64_t)number(step, "timeout_ns", (uint64_t)NEO_FOREVER);
    if (!succeeded(seen, neo_service_recv(service, &request, timeout_ns, &err), &err)) {
        return;
    }
    neo_request_view(request, &view, sizeof view);
    text_t shown = digest(view.data.data, view.data.len);
    observe_bytes(seen, "method", view.method.data, view.method.len);
    observe_bytes(seen, "payload", shown.data, shown.len);
    free(shown.data);
    keep(world, word(step, "as", ""), REQUEST, request);
}

static void reply(world_t *world, const char *op, const fields_t *step, fields_t *seen)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_status_t status;
    handle_t *handle = find(world, word(step, "request", ""), REQUEST);
    if (handle == NULL) {
        return;
    }
    neo_request_t *request = handle->it;
    forget(world, handle);
    if (strcmp(op, "reply_error") == 0) {
        status = neo_reply_error(request, slice_of(step, "text"), &err);
    } else {
        text_t bytes = payload(world, step);
        status = neo_reply(request, bytes.data, bytes.len, &err);
        free(bytes.data);
    }
    neo_request_release(request);
    succeeded(seen, status, &err);
}

call_args_t call_args(world_t *world, const fields_t *step)
{
    neo_slice_t service = slice_of(step, "service"), method = slice_of(step, "method");
    call_args_t args = {.opts = NEO_CALL_OPTS_INIT};
    args.kernel = kernel_of(world, step);
    args.service = text_of(service.data, service.len);
    args.method = text_of(method.data, method.len);
    args.payload = payload(world, step);
    if (field(step, "timeout_ns") != NULL) {
        args.opts.timeout_ns = (int64_t)number(step, "timeout_ns", 0);
    }
    return args;
}

void call_args_free(call_args_t *args)
{
    free(args->service.data);
    free(args->method.data);
    free(args->payload.data);
}

void observe_reply(fields_t *seen, neo_view_t *view)
{
    text_t shown = digest(view->data.data, view->data.len);
    observe_bytes(seen, "payload", shown.data, shown.len);
    free(shown.data);
    neo_msg_release(view->msg);
}

void run_call(const call_args_t *args, fields_t *seen)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_view_t view;
    neo_status_t status = neo_call(args->kernel, neo_slice(args->service.data, args->service.len),
                                   neo_slice(args->method.data, args->method.len),
                                   args->payload.data, args->payload.len, &args->opts, &view,
                                   sizeof view, &err);
    if (succeeded(seen, status, &err)) {
        observe_reply(seen, &view);
    }
}

int run_serve(world_t *world, const char *op, const fields_t *step, fields_t *seen)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_service_t *service = NULL;
    if (strcmp(op, "serve") == 0) {
        if (succeeded(seen, open_service(world, step, &service, &err), &err)) {
            keep(world, word(step, "as", ""), SERVICE, service);
        }
    } else if (strcmp(op, "serve_handler") == 0) {
        serve_handler(world, step, seen);
    } else if (strcmp(op, "unhold") == 0) {
        handler_t *handler = get(world, step, "of", HANDLER);
        if (handler != NULL) {
            unhold(handler);
        }
    } else if (strcmp(op, "request") == 0) {
        take_request(world, step, seen);
    } else if (strcmp(op, "reply") == 0 || strcmp(op, "reply_error") == 0) {
        reply(world, op, step, seen);
    } else if (strcmp(op, "call") == 0) {
        call_args_t args = call_args(world, step);
        run_call(&args, seen);
        call_args_free(&args);
    } else {
        return 0;
    }
    return 1;
}
