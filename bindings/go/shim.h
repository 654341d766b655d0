/*
 * What Go calls: neo.h in the shapes that cost cgo least.
 *
 * - Handles travel as numbers, so that cgo has no pointers to check and Go's collector none to follow.
 * - Where Go would need several calls, as for "look, and arm if nothing is there", there is one here.
 * - No function here waits: goroutines wait in Go.
 */
#ifndef NEO_GO_SHIM_H
#define NEO_GO_SHIM_H

#ifdef _WIN32
#error "this version of Neo has Go on Unix systems only"
#endif

#if defined(__has_include)
#if !__has_include("neo.h")
#error "neo.h is not there: run `cargo xtask go` in the repository of Neo, or build with -tags neo_dynamic"
#endif
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif
#include "neo.h"

/* Messages that one call receives at most: their views stand on the stack. */
#define NEO_GO_BATCH_MAX 256

/* A received message. Without `msg` its bytes stand in the caller's space, and `data` and `topic` are
 * offsets there; with it they are addresses that are valid until `msg` is released. */
typedef struct {
    uintptr_t msg;
    uintptr_t data;
    uintptr_t data_len;
    uintptr_t topic;
    uintptr_t topic_len;
    uint64_t seq;
    uint64_t lost_before;
    int64_t timestamp_ns;
    /* Whether there is something for neo_go_header or neo_go_traceparent; then there is a `msg`. */
    uint8_t has_headers;
} neo_go_item_t;

/* A header of a message, valid until that is released. */
typedef struct {
    uintptr_t key;
    uintptr_t key_len;
    uintptr_t value;
    uintptr_t value_len;
} neo_go_header_t;

#define NEO_GO_TRACEPARENT_BYTES 56

static inline neo_error_t *neo_go_error(neo_error_t *err)
{
    err->struct_size = (uint32_t)sizeof *err;
    err->code = NEO_OK;
    err->os_errno = 0;
    err->len = 0;
    return err;
}

/* The system has refused a descriptor just now. */
static inline neo_status_t neo_go_refused(neo_error_t *err)
{
    err->code = NEO_E_OS;
    err->os_errno = errno;
    int len = snprintf(err->msg, sizeof err->msg,
                       "the descriptor to wait with could not be made (os error %d): raise the limit of "
                       "open files (ulimit -n)",
                       err->os_errno);
    err->len = len < 0 ? 0 : (uint32_t)len;
    return NEO_E_OS;
}

/* ── waiting */

#ifdef __linux__

/* Go's netpoller is edge-triggered, and each write to an event descriptor is an edge, whether or not it
 * was read: nobody ever reads this one, which is a system call less for each wake. */

static inline void neo_go_wake(void *ctx)
{
    const uint64_t one = 1;
    ssize_t written = write((int)(intptr_t)ctx, &one, sizeof one);
    (void)written; /* it fails after 2^64 - 2 wakes */
}

static inline void neo_go_wake_end(void *ctx) { close((int)(intptr_t)ctx); }

/* The descriptor is the poller's: it is closed when no wake will come any more. */
static inline int32_t neo_go_edge_poller_open(neo_poller_t **out, int *fd, neo_error_t *err)
{
    *fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (*fd < 0) {
        return neo_go_refused(err);
    }
    neo_status_t status =
        neo_poller_open_wake(neo_go_wake, neo_go_wake_end, (void *)(intptr_t)*fd, out, err);
    if (status != NEO_OK) {
        close(*fd);
    }
    return status;
}

#else

static inline int32_t neo_go_edge_poller_open(neo_poller_t **out, int *fd, neo_error_t *err)
{
    neo_status_t status = neo_poller_open(out, err);
    if (status == NEO_OK) {
        *fd = neo_poller_fd(*out);
    }
    return status;
}

#endif

/* Makes a poller, and a descriptor of it that Go may own. */
static inline int32_t neo_go_poller_open(uintptr_t *out, int32_t *fd, neo_error_t *err)
{
    neo_poller_t *poller = NULL;
    int borrowed = -1;
    neo_status_t status = neo_go_edge_poller_open(&poller, &borrowed, neo_go_error(err));
    if (status != NEO_OK) {
        return status;
    }
    *fd = fcntl(borrowed, F_DUPFD_CLOEXEC, 3);
    if (*fd < 0) {
        status = neo_go_refused(err);
        neo_poller_release(poller);
        return status;
    }
    *out = (uintptr_t)poller;
    return NEO_OK;
}

/* NEO_AGAIN: armed, the descriptor will be rung. NEO_ALREADY_READY: look again. */
static inline int32_t neo_go_arm(uintptr_t poller, neo_error_t *err)
{
    uint64_t tokens[4];
    size_t n = 0;
    neo_status_t status;
    do {
        status = neo_poller_take((neo_poller_t *)poller, tokens, 4, &n, NULL, neo_go_error(err));
    } while (status == NEO_OK && n == 4);
    if (status == NEO_OK) {
        status = neo_poller_arm((neo_poller_t *)poller, err);
    }
    return status == NEO_OK ? NEO_AGAIN : status;
}

/* Whether to look once more after a look that ended with `status`: nothing was there, and since then
 * something came. If nothing came, the poller is armed; without one nobody looks again. */
static inline int neo_go_again(neo_status_t *status, uintptr_t poller, neo_error_t *err)
{
    if (*status != NEO_AGAIN || poller == 0) {
        return 0;
    }
    *status = neo_go_arm(poller, err);
    return *status == NEO_ALREADY_READY;
}

enum { NEO_GO_SUB, NEO_GO_SERVICE, NEO_GO_CALL, NEO_GO_ROOM };

static inline int32_t neo_go_watch(uintptr_t poller, int32_t kind, uintptr_t source, neo_error_t *err)
{
    neo_poller_t *to = (neo_poller_t *)poller;
    uint64_t token = (uint64_t)source;
    neo_go_error(err);
    switch (kind) {
    case NEO_GO_SUB:
        return neo_poller_add_sub(to, (neo_sub_t *)source, token, err);
    case NEO_GO_SERVICE:
        return neo_poller_add_service(to, (neo_service_t *)source, token, err);
    case NEO_GO_CALL:
        return neo_poller_add_call(to, (neo_call_t *)source, token, err);
    default:
        return neo_poller_add_room(to, (neo_room_t *)source, token, err);
    }
}

static inline void neo_go_unwatch(uintptr_t poller, uintptr_t source)
{
    (void)neo_poller_remove((neo_poller_t *)poller, (uint64_t)source, NULL);
}

/* ── handles */

enum {
    NEO_GO_KERNEL_HANDLE,
    NEO_GO_PUB_HANDLE,
    NEO_GO_SUB_HANDLE,
    NEO_GO_MSG_HANDLE,
    NEO_GO_LOAN_HANDLE,
    NEO_GO_SERVICE_HANDLE,
    NEO_GO_REQUEST_HANDLE,
    NEO_GO_CALL_HANDLE,
    NEO_GO_ROOM_HANDLE,
    NEO_GO_POLLER_HANDLE
};

static inline void neo_go_release(int32_t kind, uintptr_t handle)
{
    switch (kind) {
    case NEO_GO_KERNEL_HANDLE:
        neo_kernel_release((neo_kernel_t *)handle);
        break;
    case NEO_GO_PUB_HANDLE:
        neo_pub_release((neo_pub_t *)handle);
        break;
    case NEO_GO_SUB_HANDLE:
        neo_sub_release((neo_sub_t *)handle);
        break;
    case NEO_GO_MSG_HANDLE:
        neo_msg_release((neo_msg_t *)handle);
        break;
    case NEO_GO_LOAN_HANDLE:
        neo_loan_abort((neo_loan_t *)handle);
        break;
    case NEO_GO_SERVICE_HANDLE:
        neo_service_release((neo_service_t *)handle);
        break;
    case NEO_GO_REQUEST_HANDLE:
        neo_request_release((neo_request_t *)handle);
        break;
    case NEO_GO_CALL_HANDLE:
        neo_call_release((neo_call_t *)handle);
        break;
    case NEO_GO_ROOM_HANDLE:
        neo_room_release((neo_room_t *)handle);
        break;
    case NEO_GO_POLLER_HANDLE:
        neo_poller_release((neo_poller_t *)handle);
        break;
    }
}

static inline void neo_go_release_messages(const uintptr_t *messages, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        neo_msg_release((neo_msg_t *)messages[i]);
    }
}

/* Wakes whoever waits there. What has no end but its release is passed over. */
static inline void neo_go_close(int32_t kind, uintptr_t handle)
{
    switch (kind) {
    case NEO_GO_KERNEL_HANDLE:
        (void)neo_kernel_close((neo_kernel_t *)handle);
        break;
    case NEO_GO_SUB_HANDLE:
        (void)neo_sub_close((neo_sub_t *)handle);
        break;
    case NEO_GO_SERVICE_HANDLE:
        (void)neo_service_close((neo_service_t *)handle);
        break;
    case NEO_GO_CALL_HANDLE:
        (void)neo_call_cancel((neo_call_t *)handle);
        break;
    }
}

/* ── kernels */

/* `from_env`: what the environment names; `url` is not looked at. */
static inline int32_t neo_go_open(const uint8_t *url, size_t url_len, uint8_t from_env,
                                  const neo_config_t *config, uintptr_t *out, neo_error_t *err)
{
    neo_kernel_t *kernel = NULL;
    neo_slice_t named = neo_slice(url_len == 0 ? (const void *)"" : url, url_len);
    if (from_env) {
        named.data = NULL;
    }
    neo_status_t status = neo_kernel_open(named, config, &kernel, neo_go_error(err));
    *out = (uintptr_t)kernel;
    return status;
}

static inline neo_config_t neo_go_config(void)
{
    neo_config_t config = NEO_CONFIG_INIT;
    return config;
}

static inline neo_sub_opts_t neo_go_sub_opts(void)
{
    neo_sub_opts_t opts = NEO_SUB_OPTS_INIT;
    return opts;
}

static inline int32_t neo_go_trim(uintptr_t kernel, uint64_t *freed, neo_error_t *err)
{
    return neo_kernel_trim((neo_kernel_t *)kernel, freed, neo_go_error(err));
}

static inline int32_t neo_go_maintain(uintptr_t kernel, neo_reclaimed_t *reclaimed, neo_error_t *err)
{
    reclaimed->struct_size = (uint32_t)sizeof *reclaimed;
    return neo_kernel_maintain((neo_kernel_t *)kernel, reclaimed, neo_go_error(err));
}

static inline int32_t neo_go_maintain_fd(uintptr_t kernel)
{
    return neo_kernel_maintain_fd((const neo_kernel_t *)kernel);
}

static inline int32_t neo_go_counters(uintptr_t kernel, neo_counters_t **out, neo_totals_t *totals,
                                      neo_error_t *err)
{
    neo_status_t status = neo_kernel_counters((neo_kernel_t *)kernel, out, neo_go_error(err));
    if (status == NEO_OK) {
        totals->struct_size = (uint32_t)sizeof *totals;
        status = neo_counters_totals(*out, totals);
    }
    return status;
}

static inline int32_t neo_go_route(const neo_counters_t *counters, size_t index, neo_route_t *route)
{
    return neo_counters_route(counters, index, route, sizeof *route);
}

/* ── publishing */

static inline neo_publish_result_t *neo_go_result(neo_publish_result_t *result)
{
    result->struct_size = (uint32_t)sizeof *result;
    return result;
}

/* `headers` holds `count` of them: for each the lengths of key and value, 8 bytes each, and both. */
static inline int32_t neo_go_pub_open(uintptr_t kernel, const uint8_t *topic, size_t topic_len,
                                      uint8_t stamp_time, const uint8_t *headers, size_t count,
                                      const uint8_t *traceparent, size_t traceparent_len,
                                      uintptr_t *out, neo_error_t *err)
{
    enum { HEADERS_MAX = 64 }; /* more than the library takes */
    neo_pub_opts_t opts = NEO_PUB_OPTS_INIT;
    neo_header_t table[HEADERS_MAX];
    neo_pub_t *pub = NULL;
    opts.stamp_time = stamp_time;
    opts.headers = table;
    opts.header_count = count < HEADERS_MAX ? count : HEADERS_MAX;
    for (size_t i = 0; i < opts.header_count; i++) {
        uint64_t lens[2];
        memcpy(lens, headers, sizeof lens);
        headers += sizeof lens;
        table[i].key = neo_slice(headers, (size_t)lens[0]);
        headers += lens[0];
        table[i].value = neo_slice(headers, (size_t)lens[1]);
        headers += lens[1];
    }
    if (traceparent_len > 0) {
        opts.traceparent = neo_slice(traceparent, traceparent_len);
    }
    neo_status_t status = neo_pub_open((neo_kernel_t *)kernel, neo_slice(topic, topic_len), &opts,
                                       &pub, neo_go_error(err));
    *out = (uintptr_t)pub;
    return status;
}

static inline int32_t neo_go_publish(uintptr_t pub, const uint8_t *data, size_t len,
                                     neo_publish_result_t *result, neo_error_t *err)
{
    return neo_publish((neo_pub_t *)pub, data, len, NULL, neo_go_result(result), neo_go_error(err));
}

static inline int32_t neo_go_publish_to(uintptr_t kernel, const uint8_t *topic, size_t topic_len,
                                        const uint8_t *data, size_t len,
                                        neo_publish_result_t *result, neo_error_t *err)
{
    return neo_publish_to((neo_kernel_t *)kernel, neo_slice(topic, topic_len), data, len,
                          neo_go_result(result), neo_go_error(err));
}

static inline int32_t neo_go_publish_flat(uintptr_t pub, const uint8_t *data, size_t len,
                                          const uint32_t *lens, size_t n,
                                          neo_publish_result_t *result, neo_error_t *err)
{
    return neo_publish_batch_flat((neo_pub_t *)pub, data, len, lens, n, neo_go_result(result),
                                  neo_go_error(err));
}

static inline int32_t neo_go_loan(uintptr_t pub, size_t len, uintptr_t *out, uintptr_t *data,
                                  neo_error_t *err)
{
    neo_loan_t *loan = NULL;
    uint8_t *bytes = NULL;
    neo_status_t status = neo_loan((neo_pub_t *)pub, len, &loan, &bytes, neo_go_error(err));
    *out = (uintptr_t)loan;
    *data = (uintptr_t)bytes;
    return status;
}

static inline int32_t neo_go_loan_commit(uintptr_t loan, size_t len, neo_publish_result_t *result,
                                         neo_error_t *err)
{
    neo_status_t status = neo_loan_truncate((neo_loan_t *)loan, len, neo_go_error(err));
    if (status != NEO_OK) {
        neo_loan_abort((neo_loan_t *)loan);
        return status;
    }
    return neo_loan_commit((neo_loan_t *)loan, neo_go_result(result), neo_go_error(err));
}

static inline int32_t neo_go_room_open(uintptr_t pub, size_t len, uintptr_t *out, neo_error_t *err)
{
    neo_room_t *room = NULL;
    neo_status_t status = neo_room_open((neo_pub_t *)pub, len, &room, neo_go_error(err));
    *out = (uintptr_t)room;
    return status;
}

/* Looks for room; if there is none and a poller is given, arms it. */
static inline int32_t neo_go_room_look(uintptr_t room, uintptr_t poller, neo_error_t *err)
{
    neo_status_t status;
    do {
        status = neo_room_wait((neo_room_t *)room, 0, neo_go_error(err));
    } while (neo_go_again(&status, poller, err));
    return status;
}

/* ── receiving */

static inline int32_t neo_go_sub_open(uintptr_t kernel, const uint8_t *pattern, size_t pattern_len,
                                      uint8_t in_group, const uint8_t *group, size_t group_len,
                                      const neo_sub_opts_t *opts, uintptr_t *out, neo_error_t *err)
{
    neo_sub_opts_t with_group = *opts;
    neo_sub_t *sub = NULL;
    if (in_group) {
        with_group.group = neo_slice(group_len == 0 ? (const void *)"" : group, group_len);
    }
    neo_status_t status = neo_sub_open((neo_kernel_t *)kernel, neo_slice(pattern, pattern_len),
                                       &with_group, &sub, neo_go_error(err));
    *out = (uintptr_t)sub;
    return status;
}

static inline void neo_go_item(neo_go_item_t *item, const neo_view_t *view, const uint8_t *space)
{
    uintptr_t base = view->msg == NULL ? (uintptr_t)space : 0;
    item->msg = (uintptr_t)view->msg;
    item->data = (uintptr_t)view->data.data - base;
    item->data_len = view->data.len;
    item->topic = (uintptr_t)view->topic.data - base;
    item->topic_len = view->topic.len;
    item->seq = view->seq;
    item->lost_before = view->lost_before;
    item->timestamp_ns = view->timestamp_ns;
    item->has_headers = 0;
    if (view->msg != NULL) {
        neo_slice_t key, value;
        char trace[NEO_GO_TRACEPARENT_BYTES];
        item->has_headers = neo_msg_header(view->msg, 0, &key, &value, NULL) == NEO_OK ||
                            neo_msg_traceparent(view->msg, trace, sizeof trace, NULL) == NEO_OK;
    }
}

static inline int32_t neo_go_header(uintptr_t msg, size_t index, neo_go_header_t *header)
{
    neo_slice_t key = {NULL, 0}, value = {NULL, 0};
    neo_status_t status = neo_msg_header((const neo_msg_t *)msg, index, &key, &value, NULL);
    header->key = (uintptr_t)key.data;
    header->key_len = key.len;
    header->value = (uintptr_t)value.data;
    header->value_len = value.len;
    return status;
}

static inline int32_t neo_go_traceparent(uintptr_t msg, uint8_t *text)
{
    return neo_msg_traceparent((const neo_msg_t *)msg, (char *)text, NEO_GO_TRACEPARENT_BYTES,
                               NULL);
}

/* Receives what is there into `space`; if nothing is and a poller is given, arms it. */
static inline int32_t neo_go_recv(uintptr_t sub, uintptr_t poller, uint8_t *space, size_t space_len,
                                  neo_go_item_t *items, size_t cap, size_t *n, neo_error_t *err)
{
    neo_view_t views[NEO_GO_BATCH_MAX];
    cap = cap < NEO_GO_BATCH_MAX ? cap : NEO_GO_BATCH_MAX;
    neo_status_t status;
    do {
        status = neo_recv_batch_into((neo_sub_t *)sub, space, space_len, views, sizeof *views, cap, n,
                                     0, neo_go_error(err));
        if (status == NEO_OK) {
            for (size_t i = 0; i < *n; i++) {
                neo_go_item(&items[i], &views[i], space);
            }
        }
    } while (neo_go_again(&status, poller, err));
    return status;
}

/* As neo_go_recv, one message, whose bytes stay where they are. */
static inline int32_t neo_go_recv_view(uintptr_t sub, uintptr_t poller, neo_go_item_t *item,
                                       neo_error_t *err)
{
    neo_view_t view;
    neo_status_t status;
    do {
        status = neo_try_recv((neo_sub_t *)sub, &view, sizeof view, neo_go_error(err));
        if (status == NEO_OK) {
            neo_go_item(item, &view, NULL);
        }
    } while (neo_go_again(&status, poller, err));
    return status;
}

static inline int32_t neo_go_take_lost(uintptr_t sub, uint64_t *lost, neo_error_t *err)
{
    return neo_sub_take_lost((neo_sub_t *)sub, lost, neo_go_error(err));
}

static inline int32_t neo_go_queued(uintptr_t sub, uint64_t *queued, neo_error_t *err)
{
    return neo_sub_queued((neo_sub_t *)sub, queued, neo_go_error(err));
}

/* ── services and calls */

static inline int32_t neo_go_service_open(uintptr_t kernel, const uint8_t *name, size_t name_len,
                                          uint32_t depth, uintptr_t *out, neo_error_t *err)
{
    neo_service_opts_t opts = NEO_SERVICE_OPTS_INIT;
    neo_service_t *service = NULL;
    opts.depth = depth;
    neo_status_t status = neo_service_open((neo_kernel_t *)kernel, neo_slice(name, name_len), &opts,
                                           &service, neo_go_error(err));
    *out = (uintptr_t)service;
    return status;
}

/* Takes a request, whose method stands in `topic`; if none is there and a poller is given, arms it. */
static inline int32_t neo_go_service_recv(uintptr_t service, uintptr_t poller, neo_go_item_t *item,
                                          neo_error_t *err)
{
    neo_request_t *request = NULL;
    neo_status_t status;
    do {
        status = neo_service_recv((neo_service_t *)service, &request, 0, neo_go_error(err));
        if (status == NEO_OK) {
            neo_request_view_t view;
            status = neo_request_view(request, &view, sizeof view);
            item->msg = (uintptr_t)request;
            item->data = (uintptr_t)view.data.data;
            item->data_len = view.data.len;
            item->topic = (uintptr_t)view.method.data;
            item->topic_len = view.method.len;
        }
    } while (neo_go_again(&status, poller, err));
    return status;
}

/* Answers and gives the request back. */
static inline int32_t neo_go_reply(uintptr_t request, const uint8_t *data, size_t len,
                                   uint8_t is_error, neo_error_t *err)
{
    neo_request_t *to = (neo_request_t *)request;
    neo_status_t status;
    if (is_error) {
        status = neo_reply_error(to, neo_slice(data, len), neo_go_error(err));
    } else {
        status = neo_reply(to, data, len, neo_go_error(err));
    }
    neo_request_release(to);
    return status;
}

static inline int32_t neo_go_call_start(uintptr_t kernel, const uint8_t *service, size_t service_len,
                                        const uint8_t *method, size_t method_len,
                                        const uint8_t *data, size_t len, uintptr_t *out,
                                        neo_error_t *err)
{
    neo_call_t *call = NULL;
    neo_status_t status =
        neo_call_start((neo_kernel_t *)kernel, neo_slice(service, service_len),
                       neo_slice(method, method_len), data, len, &call, neo_go_error(err));
    *out = (uintptr_t)call;
    return status;
}

/* Takes the answer; if none is there and a poller is given, arms it. */
static inline int32_t neo_go_call_look(uintptr_t call, uintptr_t poller, neo_go_item_t *item,
                                       neo_error_t *err)
{
    neo_view_t view;
    neo_status_t status;
    do {
        status = neo_call_wait((neo_call_t *)call, &view, sizeof view, 0, neo_go_error(err));
        if (status == NEO_OK) {
            neo_go_item(item, &view, NULL);
        }
    } while (neo_go_again(&status, poller, err));
    return status;
}

/* A call that one goroutine waits for: it is given back as soon as it has ended. */
typedef struct {
    uintptr_t call;
    uintptr_t poller;
    /* Nobody has looked yet, and nobody need: what the call ended with is known to the poller. */
    uint8_t is_new;
    /* The answer: in `space` if it fits, else at `data` until `answer` is released. */
    uintptr_t answer;
    uintptr_t data;
    uintptr_t len;
} neo_go_call_t;

/* What a poller that serves one call after the other calls each of them. The next one takes the place
 * of one that was released; to remove that would wait for the thread that is just waking us. */
#define NEO_GO_CALL_TOKEN 0

/* Gives the call up or, at its end, back. */
static inline void neo_go_call_end(neo_go_call_t *it)
{
    neo_call_release((neo_call_t *)it->call);
    it->call = 0;
}

/* Takes the answer. NEO_AGAIN: there is none, and the poller is armed. Else the call has ended. */
static inline int32_t neo_go_call_take(neo_go_call_t *it, uint8_t *space, size_t space_len,
                                       neo_error_t *err)
{
    neo_go_item_t item;
    neo_status_t status = NEO_AGAIN;
    if (!it->is_new || neo_go_again(&status, it->poller, err)) {
        status = neo_go_call_look(it->call, it->poller, &item, err);
    }
    it->is_new = 0;
    if (status == NEO_AGAIN) {
        return status;
    }
    if (status == NEO_OK) {
        it->answer = item.msg;
        it->data = item.data;
        it->len = item.data_len;
        if (item.data_len <= space_len) {
            memcpy(space, (const void *)item.data, item.data_len);
            neo_msg_release((neo_msg_t *)item.msg);
            it->answer = 0;
        }
    }
    neo_go_call_end(it);
    return status;
}

/* Starts a call, whose end wakes the poller once neo_go_call_take has armed it. */
static inline int32_t neo_go_call(uintptr_t kernel, uintptr_t poller, const uint8_t *service,
                                  size_t service_len, const uint8_t *method, size_t method_len,
                                  const uint8_t *data, size_t len, neo_go_call_t *it,
                                  neo_error_t *err)
{
    neo_status_t status = neo_go_call_start(kernel, service, service_len, method, method_len, data,
                                            len, &it->call, err);
    if (status != NEO_OK) {
        return status;
    }
    it->poller = poller;
    it->is_new = 1;
    status = neo_poller_add_call((neo_poller_t *)poller, (neo_call_t *)it->call, NEO_GO_CALL_TOKEN,
                                 err);
    if (status != NEO_OK) {
        neo_go_call_end(it);
    }
    return status;
}

#endif
