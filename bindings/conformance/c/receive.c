/* Steps that subscribe and receive. */
#include "world.h"

#include <stdlib.h>

/* The number of a word in a list that ends in NULL; -1 if it is not there. */
static int32_t index_of(const char *const *words, const char *wanted)
{
    for (int32_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], wanted) == 0) {
            return i;
        }
    }
    return -1;
}

static void subscribe(world_t *world, const fields_t *step, fields_t *seen)
{
    static const char *const policies[] = {"default", "drop_oldest", "drop_newest", "latest",
                                           "block",   "detach",      NULL};
    static const char *const waits[] = {"adaptive", "spin", "park", NULL};
    neo_sub_opts_t opts = NEO_SUB_OPTS_INIT;
    neo_error_t err = NEO_ERROR_INIT;
    neo_sub_t *sub = NULL;
    uint64_t depth = number(step, "depth", NEO_DEFAULT32);
    opts.depth = depth > NEO_DEFAULT32 ? NEO_DEFAULT32 - 1 : (uint32_t)depth;
    opts.mailbox_bytes_max = number(step, "mailbox_bytes_max", NEO_DEFAULT64);
    opts.pinned_bytes_max = number(step, "pinned_bytes_max", NEO_DEFAULT64);
    opts.policy = index_of(policies, word(step, "policy", "default"));
    opts.wait = index_of(waits, word(step, "wait", "adaptive"));
    opts.group = slice_of(step, "group");
    neo_status_t status =
        neo_sub_open(kernel_of(world, step), slice_of(step, "pattern"), &opts, &sub, &err);
    if (succeeded(seen, status, &err)) {
        keep(world, word(step, "as", ""), SUBSCRIPTION, sub);
    }
}

void observe_view(fields_t *seen, const neo_view_t *view)
{
    text_t shown = digest(view->data.data, view->data.len);
    observe_bytes(seen, "topic", view->topic.data, view->topic.len);
    observe_bytes(seen, "payload", shown.data, shown.len);
    observe(seen, "lost_before", "%llu", (unsigned long long)view->lost_before);
    observe(seen, "stamped", "%s", view->timestamp_ns != 0 ? "true" : "false");
    free(shown.data);
}

static void receive(world_t *world, const char *op, const fields_t *step, fields_t *seen)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_view_t view;
    neo_sub_t *sub = get(world, step, "sub", SUBSCRIPTION);
    int64_t timeout_ns = (int64_t)number(step, "timeout_ns", (uint64_t)NEO_FOREVER);
    neo_status_t status = strcmp(op, "try_recv") == 0
                              ? neo_try_recv(sub, &view, sizeof view, &err)
                              : neo_recv(sub, &view, sizeof view, timeout_ns, &err);
    if (!succeeded(seen, status, &err)) {
        return;
    }
    observe_view(seen, &view);
    if (field(step, "as") != NULL) {
        keep(world, word(step, "as", ""), MESSAGE, view.msg);
    } else {
        neo_msg_release(view.msg);
    }
}

static void batch(neo_sub_t *sub, const fields_t *step, fields_t *seen)
{
    neo_error_t err = NEO_ERROR_INIT;
    size_t max = number(step, "max", 0), n = 0;
    uint64_t lost = 0;
    int64_t timeout_ns = (int64_t)number(step, "timeout_ns", (uint64_t)NEO_FOREVER);
    neo_view_t *views = need(calloc(max + 1, sizeof *views));
    text_t topics = text_of("", 0), payloads = text_of("", 0);
    neo_status_t status = neo_recv_batch(sub, views, sizeof *views, max, &n, timeout_ns, &err);
    if (status == NEO_AGAIN || succeeded(seen, status, &err)) {
        for (size_t i = 0; i < n; i++) {
            text_t shown = digest(views[i].data.data, views[i].data.len);
            text_print(&topics, "%s", i == 0 ? "" : ",");
            text_add(&topics, views[i].topic.data, views[i].topic.len);
            text_print(&payloads, "%s%s", i == 0 ? "" : ",", shown.data);
            lost += views[i].lost_before;
            free(shown.data);
        }
        observe(seen, "count", "%zu", n);
        observe_bytes(seen, "topics", topics.data, topics.len);
        observe_bytes(seen, "payloads", payloads.data, payloads.len);
        observe(seen, "lost", "%llu", (unsigned long long)lost);
    }
    neo_msg_release_batch(views, sizeof *views, n);
    free(topics.data);
    free(payloads.data);
    free(views);
}

static void numbers(world_t *world, neo_sub_t *sub, uint64_t count, fields_t *seen)
{
    neo_error_t err = NEO_ERROR_INIT;
    uint64_t first = 0, last = 0, lost = 0, received = 0;
    int in_order = 1;
    while (received < count) {
        neo_view_t view;
        neo_status_t status = neo_try_recv(sub, &view, sizeof view, &err);
        if (status == NEO_AGAIN) {
            break;
        }
        if (!succeeded(seen, status, &err)) {
            return;
        }
        text_t text = text_of(view.data.data, view.data.len);
        char *end = NULL;
        uint64_t number = strtoull(text.data, &end, 10);
        if (text.len == 0 || *end != '\0') {
            broken(world, "`%s` is no number", text.data);
        }
        free(text.data);
        if (received == 0) {
            first = number;
        } else {
            in_order &= number > last;
        }
        last = number;
        lost += view.lost_before;
        received++;
        neo_msg_release(view.msg);
    }
    observe(seen, "count", "%llu", (unsigned long long)received);
    observe(seen, "first", "%llu", (unsigned long long)first);
    observe(seen, "last", "%llu", (unsigned long long)last);
    observe(seen, "in_order", "%s", in_order ? "true" : "false");
    observe(seen, "lost", "%llu", (unsigned long long)lost);
}

static void headers(neo_msg_t *msg, fields_t *seen)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_slice_t key, value;
    char trace[56] = "-";
    text_t keys = text_of("", 0), values = text_of("", 0);
    for (size_t i = 0; neo_msg_header(msg, i, &key, &value, &err) == NEO_OK; i++) {
        text_t one = digest(value.data, value.len);
        text_print(&keys, "%s%.*s", i == 0 ? "" : ",", (int)key.len, (const char *)key.data);
        text_print(&values, "%s%s", i == 0 ? "" : ",", one.data);
        free(one.data);
    }
    neo_status_t status = neo_msg_traceparent(msg, trace, sizeof trace, &err);
    if (status == NEO_EOS || succeeded(seen, status, &err)) {
        observe(seen, "keys", "%s", keys.data);
        observe(seen, "payloads", "%s", values.data);
        observe(seen, "traceparent", "%s", trace);
    }
    free(keys.data);
    free(values.data);
}

int run_receive(world_t *world, const char *op, const fields_t *step, fields_t *seen)
{
    neo_error_t err = NEO_ERROR_INIT;
    uint64_t count = 0;
    if (strcmp(op, "subscribe") == 0) {
        subscribe(world, step, seen);
    } else if (strcmp(op, "try_recv") == 0 || strcmp(op, "recv") == 0) {
        receive(world, op, step, seen);
    } else if (strcmp(op, "recv_batch") == 0) {
        batch(get(world, step, "sub", SUBSCRIPTION), step, seen);
    } else if (strcmp(op, "recv_numbers") == 0) {
        numbers(world, get(world, step, "sub", SUBSCRIPTION), number(step, "count", 0), seen);
    } else if (strcmp(op, "read") == 0) {
        neo_view_t view;
        neo_msg_t *msg = get(world, step, "of", MESSAGE);
        if (succeeded(seen, neo_msg_view(msg, &view, sizeof view), &err)) {
            observe_view(seen, &view);
        }
    } else if (strcmp(op, "headers") == 0) {
        headers(get(world, step, "of", MESSAGE), seen);
    } else if (strcmp(op, "take_lost") == 0) {
        neo_sub_t *sub = get(world, step, "sub", SUBSCRIPTION);
        if (succeeded(seen, neo_sub_take_lost(sub, &count, &err), &err)) {
            observe(seen, "lost", "%llu", (unsigned long long)count);
        }
    } else if (strcmp(op, "queued") == 0) {
        neo_sub_t *sub = get(world, step, "sub", SUBSCRIPTION);
        if (succeeded(seen, neo_sub_queued(sub, &count, &err), &err)) {
            observe(seen, "queued", "%llu", (unsigned long long)count);
        }
    } else {
        return 0;
    }
    return 1;
}
