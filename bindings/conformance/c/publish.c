/* Steps that publish: by handle, by name, many at once, in loaned memory. */
#include "world.h"

#include <stdlib.h>

void observe_published(fields_t *seen, const neo_publish_result_t *result)
{
    observe(seen, "accepted", "%u", result->accepted);
    observe(seen, "dropped", "%u", result->dropped);
    observe(seen, "timed_out", "%u", result->timed_out);
}

/* Takes the first item off a list. */
static text_t next_of(const char **list)
{
    size_t len = strcspn(*list, ",");
    text_t item = text_of(*list, len);
    *list += len + ((*list)[len] == ',');
    return item;
}

static void open_publisher(world_t *world, const fields_t *step, fields_t *seen)
{
    neo_pub_opts_t opts = NEO_PUB_OPTS_INIT;
    neo_error_t err = NEO_ERROR_INIT;
    neo_pub_t *pub = NULL;
    opts.send_timeout_ns = (int64_t)number(step, "send_timeout_ns", 0);
    opts.stamp_time = strcmp(word(step, "stamp_time", "false"), "true") == 0;
    opts.traceparent = slice_of(step, "traceparent");
    enum { HEADERS = 64 };
    text_t keys[HEADERS], values[HEADERS];
    neo_header_t headers[HEADERS];
    const char *key = word(step, "header_keys", ""), *value = word(step, "header_values", "");
    while (*value != '\0' && opts.header_count < HEADERS) {
        size_t n = opts.header_count++;
        text_t form = next_of(&value);
        keys[n] = next_of(&key);
        values[n] = payload_of(form.data);
        headers[n].key = neo_slice(keys[n].data, keys[n].len);
        headers[n].value = neo_slice(values[n].data, values[n].len);
        free(form.data);
    }
    opts.headers = headers;
    neo_status_t status =
        neo_pub_open(kernel_of(world, step), slice_of(step, "topic"), &opts, &pub, &err);
    if (succeeded(seen, status, &err)) {
        keep(world, word(step, "as", ""), PUBLISHER, pub);
    }
    for (size_t n = 0; n < opts.header_count; n++) {
        free(keys[n].data);
        free(values[n].data);
    }
}

/* By the handle that the step names, else to its topic. */
static neo_status_t publish_one(world_t *world, const fields_t *step, const text_t *payload,
                                neo_publish_result_t *result, neo_error_t *err)
{
    if (field(step, "publisher") != NULL) {
        neo_pub_t *pub = get(world, step, "publisher", PUBLISHER);
        return neo_publish(pub, payload->data, payload->len, NULL, result, err);
    }
    return neo_publish_to(kernel_of(world, step), slice_of(step, "topic"), payload->data,
                          payload->len, result, err);
}

static void publish_many(world_t *world, const fields_t *step, fields_t *seen)
{
    enum { MANY = 4096 };
    static text_t payloads[MANY];
    static neo_slice_t slices[MANY];
    neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
    neo_error_t err = NEO_ERROR_INIT;
    size_t n = 0;
    const char *list = word(step, "payloads", "");
    while (*list != '\0' && n < MANY) {
        text_t one = next_of(&list);
        payloads[n] = payload_of(one.data);
        slices[n] = neo_slice(payloads[n].data, payloads[n].len);
        n++;
        free(one.data);
    }
    neo_status_t status =
        neo_publish_batchv(get(world, step, "publisher", PUBLISHER), slices, n, &result, &err);
    if (*list != '\0') {
        broken(world, "more payloads than the interpreter holds: %s", list);
    }
    /* A run that came to something is no error. */
    if (result.messages > 0 || succeeded(seen, status, &err)) {
        observe(seen, "messages", "%llu", (unsigned long long)result.messages);
        observe_published(seen, &result);
        observe(seen, "stopped", "%s", status == NEO_OK ? "-" : neo_status_name(status));
    }
    for (size_t i = 0; i < n; i++) {
        free(payloads[i].data);
    }
}

static void publish_numbers(world_t *world, const fields_t *step, fields_t *seen)
{
    neo_publish_result_t sum = NEO_PUBLISH_RESULT_INIT;
    uint64_t from = number(step, "from", 0), count = number(step, "count", 0);
    for (uint64_t n = from; n < from + count; n++) {
        neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
        neo_error_t err = NEO_ERROR_INIT;
        char digits[24];
        text_t text = {digits, (size_t)snprintf(digits, sizeof digits, "%llu",
                                                (unsigned long long)n)};
        if (!succeeded(seen, publish_one(world, step, &text, &result, &err), &err)) {
            return;
        }
        sum.accepted += result.accepted;
        sum.dropped += result.dropped;
        sum.timed_out += result.timed_out;
    }
    observe_published(seen, &sum);
}

static void loan(world_t *world, const fields_t *step, fields_t *seen)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_loan_t *loan = NULL;
    uint8_t *data = NULL;
    size_t len = number(step, "len", 0);
    neo_pub_t *pub = get(world, step, "publisher", PUBLISHER);
    if (succeeded(seen, neo_loan(pub, len, &loan, &data, &err), &err)) {
        handle_t *handle = keep(world, word(step, "as", ""), LOAN, loan);
        handle->data = data;
        handle->len = len;
        observe(seen, "len", "%zu", len);
    }
}

static void use_loan(world_t *world, const char *op, const fields_t *step, fields_t *seen)
{
    neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
    neo_error_t err = NEO_ERROR_INIT;
    handle_t *handle = find(world, word(step, "loan", ""), LOAN);
    if (handle == NULL) {
        return;
    }
    neo_loan_t *it = handle->it;
    if (strcmp(op, "write") == 0) {
        text_t bytes = payload(world, step);
        uint64_t at = number(step, "at", 0);
        if (at > handle->len || bytes.len > handle->len - at) {
            broken(world, "the step writes beyond the loan `%s`", handle->name);
        } else if (bytes.len > 0) {
            memcpy(handle->data + at, bytes.data, bytes.len);
        }
        free(bytes.data);
    } else if (strcmp(op, "truncate") == 0) {
        size_t len = number(step, "len", 0);
        if (succeeded(seen, neo_loan_truncate(it, len, &err), &err)) {
            handle->len = len;
            observe(seen, "len", "%zu", len);
        }
    } else {
        forget(world, handle);
        if (strcmp(op, "abort") == 0) {
            neo_loan_abort(it);
        } else if (succeeded(seen, neo_loan_commit(it, &result, &err), &err)) {
            observe_published(seen, &result);
        }
    }
}

int run_publish(world_t *world, const char *op, const fields_t *step, fields_t *seen)
{
    if (strcmp(op, "publisher") == 0) {
        open_publisher(world, step, seen);
    } else if (strcmp(op, "publish") == 0) {
        neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
        neo_error_t err = NEO_ERROR_INIT;
        text_t bytes = payload(world, step);
        if (succeeded(seen, publish_one(world, step, &bytes, &result, &err), &err)) {
            observe_published(seen, &result);
        }
        free(bytes.data);
    } else if (strcmp(op, "publish_many") == 0) {
        publish_many(world, step, seen);
    } else if (strcmp(op, "publish_numbers") == 0) {
        publish_numbers(world, step, seen);
    } else if (strcmp(op, "loan") == 0) {
        loan(world, step, seen);
    } else if (strcmp(op, "write") == 0 || strcmp(op, "truncate") == 0 ||
               strcmp(op, "send") == 0 || strcmp(op, "abort") == 0) {
        use_loan(world, op, step, seen);
    } else {
        return 0;
    }
    return 1;
}
