/* One side of a pair of processes: see the section on pairs in ../README.md. */
#include "world.h"

#include <stdlib.h>

enum { MESSAGES = 257, BY_LOAN = 16, CALLS = 32, SIZES = 8, LARGEST = 70000 };

static const size_t sizes[SIZES] = {0, 1, 64, 200, 256, 1000, 5000, LARGEST};
static const int64_t limit_ns = 20LL * 1000000000;
static neo_error_t err = NEO_ERROR_INIT;

/* What must hold for the peer to go on. */
static void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s: %.*s\n", what, (int)err.len, err.msg);
        exit(1);
    }
}

#define MUST(call) must((call) == NEO_OK, #call)

static neo_slice_t message(size_t number)
{
    static uint8_t bytes[LARGEST];
    size_t len = sizes[number % SIZES];
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)((number + i) % 251);
    }
    return neo_slice(bytes, len);
}

static int is_equal(neo_slice_t a, neo_slice_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static neo_slice_t reversed(neo_slice_t bytes)
{
    static uint8_t turned[LARGEST];
    must(bytes.len <= LARGEST, "no request is as long");
    for (size_t i = 0; i < bytes.len; i++) {
        turned[i] = bytes.data[bytes.len - 1 - i];
    }
    return neo_slice(turned, bytes.len);
}

static void hear_messages(neo_sub_t *sub, uint64_t *messages, uint64_t *equal, uint64_t *lost)
{
    for (;;) {
        neo_view_t view;
        MUST(neo_recv(sub, &view, sizeof view, limit_ns, &err));
        int is_end = is_equal(view.topic, neo_str("pair.end"));
        *lost += view.lost_before;
        *messages += !is_end;
        *equal += is_equal(view.topic, neo_str("pair.data")) &&
                  is_equal(view.data, message((size_t)*equal));
        neo_msg_release(view.msg);
        if (is_end) {
            return;
        }
    }
}

static uint64_t hear_requests(neo_service_t *service)
{
    for (uint64_t requests = 1;; requests++) {
        neo_request_t *request = NULL;
        neo_request_view_t asked;
        MUST(neo_service_recv(service, &request, limit_ns, &err));
        MUST(neo_request_view(request, &asked, sizeof asked));
        int is_end = is_equal(asked.method, neo_str("end"));
        if (is_end) {
            MUST(neo_reply(request, NULL, 0, &err));
        } else if (is_equal(asked.method, neo_str("reverse"))) {
            neo_slice_t answer = reversed(asked.data);
            MUST(neo_reply(request, answer.data, answer.len, &err));
        } else {
            MUST(neo_reply_error(request, neo_str("the handler says no"), &err));
        }
        neo_request_release(request);
        if (is_end) {
            return requests;
        }
    }
}

static void hear(neo_kernel_t *kernel)
{
    neo_sub_t *sub = NULL;
    neo_service_t *service = NULL;
    neo_sub_opts_t opts = NEO_SUB_OPTS_INIT;
    uint64_t messages = 0, equal = 0, lost = 0;
    opts.depth = 32;
    opts.policy = NEO_POLICY_BLOCK;
    MUST(neo_sub_open(kernel, neo_str("pair.*"), &opts, &sub, &err));
    MUST(neo_service_open(kernel, neo_str("pair"), NULL, &service, &err));
    printf("ready\n");
    fflush(stdout);
    hear_messages(sub, &messages, &equal, &lost);
    uint64_t requests = hear_requests(service);
    printf("messages=%llu equal=%llu lost=%llu requests=%llu\n", (unsigned long long)messages,
           (unsigned long long)equal, (unsigned long long)lost, (unsigned long long)requests);
    neo_service_release(service);
    neo_sub_release(sub);
}

static neo_pub_t *open_waiting(neo_kernel_t *kernel, const char *topic)
{
    neo_pub_t *pub = NULL;
    neo_pub_opts_t opts = NEO_PUB_OPTS_INIT;
    opts.send_timeout_ns = limit_ns;
    MUST(neo_pub_open(kernel, neo_str(topic), &opts, &pub, &err));
    return pub;
}

static uint64_t tell_messages(neo_kernel_t *kernel)
{
    neo_pub_t *data = open_waiting(kernel, "pair.data"), *end = open_waiting(kernel, "pair.end");
    neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
    uint64_t accepted = 0;
    for (size_t number = 0; number < MESSAGES; number++) {
        neo_slice_t payload = message(number);
        if (number < BY_LOAN) {
            neo_loan_t *loan = NULL;
            uint8_t *place = NULL;
            MUST(neo_loan(data, payload.len, &loan, &place, &err));
            if (payload.len > 0) {
                memcpy(place, payload.data, payload.len);
            }
            MUST(neo_loan_commit(loan, &result, &err));
        } else {
            MUST(neo_publish(data, payload.data, payload.len, NULL, &result, &err));
        }
        accepted += result.accepted;
    }
    MUST(neo_publish(end, NULL, 0, NULL, NULL, &err));
    neo_pub_release(data);
    neo_pub_release(end);
    return accepted;
}

static neo_status_t call(neo_kernel_t *kernel, const char *method, neo_slice_t with, neo_view_t *out)
{
    neo_call_opts_t opts = NEO_CALL_OPTS_INIT;
    opts.timeout_ns = limit_ns;
    return neo_call(kernel, neo_str("pair"), neo_str(method), with.data, with.len, &opts, out,
                    sizeof *out, &err);
}

static void tell(neo_kernel_t *kernel)
{
    neo_view_t answer;
    uint64_t accepted = tell_messages(kernel), answered = 0;
    for (size_t number = 0; number < CALLS; number++) {
        MUST(call(kernel, "reverse", message(number), &answer));
        answered += is_equal(answer.data, reversed(message(number)));
        neo_msg_release(answer.msg);
    }
    neo_status_t status = call(kernel, "fail", neo_str(""), &answer);
    must(status != NEO_OK, "`fail` answers");
    neo_error_t failure = err;
    MUST(call(kernel, "end", neo_str(""), &answer));
    neo_msg_release(answer.msg);
    printf("accepted=%llu answered=%llu error=%s text=%.*s\n", (unsigned long long)accepted,
           (unsigned long long)answered, neo_status_name(status), (int)failure.len, failure.msg);
}

int run_peer(const char *role, const char *url)
{
    neo_kernel_t *kernel = NULL;
    MUST(neo_kernel_open(neo_str(url), NULL, &kernel, &err));
    if (strcmp(role, "hear") == 0) {
        hear(kernel);
    } else if (strcmp(role, "tell") == 0) {
        tell(kernel);
    } else {
        fprintf(stderr, "there is no role %s: hear, tell\n", role);
        return 2;
    }
    neo_kernel_release(kernel);
    return neo_debug_live(NEO_LIVE_ALL) == 0 ? 0 : 3;
}
