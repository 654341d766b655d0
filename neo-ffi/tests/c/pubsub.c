/* Publishing and receiving. */
#include "harness.h"

#include <stdlib.h>

TEST(a_message_arrives_as_it_was_sent)
{
    neo_kernel_t *kernel = open_kernel();
    neo_sub_t *sub = open_sub(kernel, "readings.*", 0, 0);
    neo_pub_t *pub = open_pub(kernel, "readings.indoor");
    neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
    neo_view_t view;
    neo_slice_t text, value;
    OK(neo_publish(pub, "20.5", 4, NULL, &result, NULL));
    EQUAL(result.accepted, 1);
    EQUAL(result.messages, 1);
    OK(neo_recv(sub, &view, VIEW, NEO_FOREVER, NULL));
    CHECK(is_text(view.data, "20.5") && is_text(view.topic, "readings.indoor"));
    EQUAL((uintptr_t)view.data.data % 64, 0);
    EQUAL(view.lost_before, 0);
    EQUAL(view.timestamp_ns, 0);
    EQUAL(neo_msg_header(view.msg, 0, &text, &value, NULL), NEO_EOS);
    EQUAL(neo_try_recv(sub, &view, VIEW, NULL), NEO_AGAIN);
    EQUAL(neo_recv(sub, &view, VIEW, 1000, NULL), NEO_AGAIN);
    neo_msg_release(view.msg);
    OK(neo_pub_topic(pub, &text));
    CHECK(is_text(text, "readings.indoor"));
    OK(neo_sub_pattern(sub, &text));
    CHECK(is_text(text, "readings.*"));
    OK(neo_kernel_url(kernel, &text));
    CHECK(is_text(text, "mem://"));
    neo_pub_release(pub);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
}

TEST(batches_are_published_and_received_whole)
{
    enum { N = 600 };
    neo_kernel_t *kernel = open_kernel();
    neo_sub_t *sub = open_sub(kernel, "t", 2048, NEO_POLICY_BLOCK);
    neo_pub_t *pub = open_pub(kernel, "t");
    neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
    static uint8_t data[N];
    static uint32_t lens[N];
    static neo_slice_t slices[N];
    static neo_view_t views[2 * N];
    size_t n = 0;
    for (int i = 0; i < N; i++) {
        data[i] = (uint8_t)i;
        lens[i] = 1;
        slices[i] = neo_slice(&data[i], 1);
    }
    slices[0] = neo_slice(NULL, 0);
    OK(neo_publish_batch_flat(pub, data, N, lens, N, &result, NULL));
    EQUAL(result.messages, N);
    OK(neo_publish_batchv(pub, slices, N, &result, NULL));
    EQUAL(result.messages, N);
    EQUAL(result.accepted, N);
    OK(neo_recv_batch(sub, views, VIEW, 2 * N, &n, 0, NULL));
    EQUAL(n, 2 * N);
    EQUAL(views[N].data.len, 0);
    for (int i = 1; i < N; i++) {
        EQUAL(views[i].data.data[0], (uint8_t)i);
        EQUAL(views[N + i].data.data[0], (uint8_t)i);
    }
    neo_msg_release_batch(views, VIEW, n);
    CHECK(views[0].msg == NULL && views[2 * N - 1].msg == NULL);
    neo_msg_release_batch(views, VIEW, n);
    EQUAL(neo_recv_batch(sub, views, VIEW, 1, &n, 0, NULL), NEO_AGAIN);
    EQUAL(n, 0);
    neo_pub_release(pub);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
}

TEST(a_batch_that_meets_a_full_mailbox_tells_how_far_it_came)
{
    neo_kernel_t *kernel = open_kernel();
    neo_sub_t *sub = open_sub(kernel, "t", 4, NEO_POLICY_BLOCK);
    neo_pub_t *pub = open_pub(kernel, "t");
    neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
    neo_error_t err = NEO_ERROR_INIT;
    const uint32_t lens[6] = {1, 1, 1, 1, 1, 1};
    EQUAL(neo_publish_batch_flat(pub, "abcdef", 6, lens, 6, &result, &err), NEO_E_FULL);
    EQUAL(result.messages, 4);
    EQUAL(err.code, NEO_E_FULL);
    EQUAL(neo_publish_batch_flat(pub, "abcdef", 5, lens, 6, &result, &err), NEO_E_INVALID);
    neo_pub_release(pub);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
}

TEST(a_batch_is_copied_into_the_callers_memory_as_far_as_it_fits)
{
    neo_kernel_t *kernel = open_kernel();
    neo_sub_t *sub = open_sub(kernel, "t.*", 64, 0);
    neo_view_t views[8];
    uint8_t space[16];
    size_t n = 9;
    EQUAL(neo_recv_batch_into(sub, space, sizeof space, views, VIEW, 8, &n, 0, NULL), NEO_AGAIN);
    EQUAL(n, 0);
    OK(neo_publish_to(kernel, neo_str("t.a"), "one", 3, NULL, NULL));
    OK(neo_publish_to(kernel, neo_str("t.a"), "", 0, NULL, NULL));
    OK(neo_publish_to(kernel, neo_str("t.b"), "too long", 8, NULL, NULL));
    OK(neo_publish_to(kernel, neo_str("t.a"), "three", 5, NULL, NULL));
    OK(neo_publish_to(kernel, neo_str("t.a"), "left", 4, NULL, NULL));
    OK(neo_recv_batch_into(sub, space, sizeof space, views, VIEW, 4, &n, 0, NULL));
    EQUAL(n, 4);
    EQUAL(neo_debug_live(NEO_LIVE_MESSAGES), 1);
    CHECK(views[0].msg == NULL && is_text(views[0].data, "one") && is_text(views[0].topic, "t.a"));
    CHECK(views[0].data.data == space + 3 && views[3].topic.data == space);
    CHECK(views[1].msg == NULL && views[1].data.len == 0 && is_text(views[1].topic, "t.a"));
    CHECK(views[2].msg != NULL && is_text(views[2].data, "too long"));
    CHECK(is_text(views[2].topic, "t.b"));
    CHECK(views[3].msg == NULL && is_text(views[3].data, "three"));
    neo_msg_release_batch(views, VIEW, n);
    OK(neo_recv_batch_into(sub, NULL, 0, views, VIEW, 8, &n, NEO_FOREVER, NULL));
    EQUAL(n, 1);
    CHECK(views[0].msg != NULL && is_text(views[0].data, "left"));
    neo_msg_release_batch(views, VIEW, n);
    EQUAL(neo_recv_batch_into(sub, NULL, 1, views, VIEW, 8, &n, 0, NULL), NEO_E_INVALID);
    OK(neo_sub_close(sub));
    EQUAL(neo_recv_batch_into(sub, space, 1, views, VIEW, 8, &n, 0, NULL), NEO_E_CLOSED);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
}

TEST(a_borrowed_batch_is_read_in_place_and_locks_its_subscription)
{
    neo_kernel_t *kernel = open_kernel();
    neo_sub_t *sub = open_sub(kernel, "t.*", 64, 0);
    neo_batch_t *batch = NULL;
    neo_view_t views[8];
    size_t n = 0;
    static uint8_t large[5000];
    memset(large, 7, sizeof large);
    EQUAL(neo_borrow_batch(sub, views, VIEW, 8, &n, &batch, 0, NULL), NEO_AGAIN);
    CHECK(batch == NULL);
    OK(neo_publish_to(kernel, neo_str("t.a"), "x", 1, NULL, NULL));
    OK(neo_publish_to(kernel, neo_str("t.b"), large, sizeof large, NULL, NULL));
    OK(neo_borrow_batch(sub, views, VIEW, 8, &n, &batch, NEO_FOREVER, NULL));
    EQUAL(n, 2);
    EQUAL(neo_debug_live(NEO_LIVE_BATCHES), 1);
    CHECK(views[0].msg == NULL && is_text(views[0].data, "x") && is_text(views[1].topic, "t.b"));
    EQUAL(views[1].data.len, sizeof large);
    EQUAL(memcmp(views[1].data.data, large, sizeof large), 0);
    EQUAL(neo_try_recv(sub, &views[7], VIEW, NULL), NEO_E_MISUSE);
    OK(neo_sub_close(sub));
    EQUAL(views[1].data.data[4999], 7);
    neo_batch_release(batch);
    EQUAL(neo_try_recv(sub, &views[7], VIEW, NULL), NEO_E_CLOSED);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
}

TEST(a_loan_is_written_in_place_shortened_and_sent)
{
    neo_kernel_t *kernel = open_kernel();
    neo_sub_t *sub = open_sub(kernel, "t", 0, 0);
    neo_pub_t *pub = open_pub(kernel, "t");
    neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
    neo_loan_t *loan = NULL;
    uint8_t *data = NULL;
    neo_view_t view;
    OK(neo_loan(pub, 100000, &loan, &data, NULL));
    EQUAL((uintptr_t)data % 64, 0);
    memset(data, 9, 100000);
    EQUAL(neo_loan_truncate(loan, 100001, NULL), NEO_E_INVALID);
    OK(neo_loan_truncate(loan, 70000, NULL));
    OK(neo_loan_commit(loan, &result, NULL));
    EQUAL(result.accepted, 1);
    OK(neo_recv(sub, &view, VIEW, 0, NULL));
    EQUAL(view.data.len, 70000);
    EQUAL(view.data.data[69999], 9);
    neo_msg_release(view.msg);
    OK(neo_loan(pub, 10, &loan, &data, NULL));
    neo_pub_release(pub);
    neo_loan_abort(loan);
    neo_loan_abort(NULL);
    EQUAL(neo_try_recv(sub, &view, VIEW, NULL), NEO_AGAIN);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
}

TEST(losses_are_told_and_counted)
{
    neo_kernel_t *kernel = open_kernel();
    neo_sub_t *sub = open_sub(kernel, "n", 2, NEO_POLICY_DROP_OLDEST);
    neo_counters_t *counters = NULL;
    neo_totals_t totals = NEO_TOTALS_INIT;
    neo_route_t route;
    neo_view_t view;
    uint64_t number = 99;
    for (int i = 0; i < 5; i++) {
        OK(neo_publish_to(kernel, neo_str("n"), &i, sizeof i, NULL, NULL));
    }
    OK(neo_sub_queued(sub, &number, NULL));
    EQUAL(number, 2);
    OK(neo_recv(sub, &view, VIEW, 0, NULL));
    EQUAL(view.lost_before, 3);
    neo_msg_release(view.msg);
    OK(neo_sub_take_lost(sub, &number, NULL));
    EQUAL(number, 0);
    OK(neo_kernel_counters(kernel, &counters, NULL));
    OK(neo_counters_totals(counters, &totals));
    EQUAL(totals.routes, 1);
    OK(neo_counters_route(counters, 0, &route, sizeof route));
    CHECK(is_text(route.pattern, "n") && route.group.len == 0);
    EQUAL(route.accepted, 5);
    EQUAL(route.lost, 3);
    EQUAL(route.policy, NEO_POLICY_DROP_OLDEST);
    EQUAL(neo_counters_route(counters, 1, &route, sizeof route), NEO_EOS);
    neo_counters_release(counters);
    OK(neo_kernel_trim(kernel, &number, NULL));
    OK(neo_kernel_trim(kernel, NULL, NULL));
    neo_sub_release(sub);
    neo_kernel_release(kernel);
}

TEST(options_do_what_they_say)
{
    neo_config_t config = NEO_CONFIG_INIT;
    neo_pub_opts_t pub_opts = NEO_PUB_OPTS_INIT;
    neo_sub_opts_t sub_opts = NEO_SUB_OPTS_INIT;
    neo_send_opts_t send = NEO_SEND_OPTS_INIT;
    neo_kernel_t *kernel = NULL;
    neo_sub_t *one = NULL, *two = NULL;
    neo_pub_t *pub = NULL;
    neo_view_t view;
    config.memory_bytes_max = 64 << 20;
    config.subscriptions_max = 64;
    OK(neo_kernel_open(neo_str("mem://"), &config, &kernel, NULL));
    pub_opts.stamp_time = 1;
    pub_opts.send_timeout_ns = 1000;
    OK(neo_pub_open(kernel, neo_str("t"), &pub_opts, &pub, NULL));
    sub_opts.group = neo_str("workers");
    sub_opts.depth = 2;
    sub_opts.wait = NEO_WAIT_PARK;
    OK(neo_sub_open(kernel, neo_str("t"), &sub_opts, &one, NULL));
    OK(neo_sub_open(kernel, neo_str("t"), &sub_opts, &two, NULL));
    OK(neo_publish(pub, "1", 1, NULL, NULL, NULL));
    OK(neo_publish(pub, "2", 1, &send, NULL, NULL));
    send.timeout_ns = 1000;
    EQUAL(neo_publish(pub, "3", 1, &send, NULL, NULL), NEO_E_FULL);
    OK(neo_recv(one, &view, VIEW, 0, NULL));
    CHECK(view.timestamp_ns > 0);
    neo_msg_release(view.msg);
    OK(neo_recv(two, &view, VIEW, 0, NULL));
    CHECK(is_text(view.data, "2"));
    neo_msg_release(view.msg);
    neo_pub_release(pub);
    neo_sub_release(one);
    neo_sub_release(two);
    neo_kernel_release(kernel);
}

static const char TRACE[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(headers_and_a_trace_context_arrive_and_bad_ones_are_refused)
{
    neo_kernel_t *kernel = open_kernel();
    neo_sub_t *sub = open_sub(kernel, "t", 0, 0);
    neo_pub_t *pub = NULL, *none = NULL;
    neo_pub_opts_t opts = NEO_PUB_OPTS_INIT;
    neo_header_t headers[1];
    neo_error_t err = NEO_ERROR_INIT;
    neo_slice_t key, value;
    neo_view_t view;
    char text[56];
    headers[0].key = neo_str("kind");
    headers[0].value = neo_slice("\0\1", 2);
    opts.headers = headers;
    opts.header_count = 1;
    opts.traceparent = neo_str(TRACE);
    OK(neo_pub_open(kernel, neo_str("t"), &opts, &pub, NULL));
    OK(neo_publish(pub, "x", 1, NULL, NULL, NULL));
    OK(neo_recv(sub, &view, VIEW, 0, NULL));
    OK(neo_msg_header(view.msg, 0, &key, &value, NULL));
    CHECK(is_text(key, "kind") && value.len == 2 && value.data[1] == 1);
    EQUAL(neo_msg_header(view.msg, 1, &key, &value, NULL), NEO_EOS);
    OK(neo_msg_traceparent(view.msg, text, sizeof text, NULL));
    CHECK(strcmp(text, TRACE) == 0);
    EQUAL(neo_msg_traceparent(view.msg, text, sizeof text - 1, &err), NEO_E_INVALID);
    CHECK(strstr(err.msg, "56") != NULL);
    EQUAL(neo_msg_traceparent(view.msg, NULL, 56, NULL), NEO_E_INVALID);
    neo_msg_release(view.msg);
    OK(neo_publish_to(kernel, neo_str("t"), "y", 1, NULL, NULL));
    OK(neo_recv(sub, &view, VIEW, 0, NULL));
    EQUAL(neo_msg_traceparent(view.msg, text, sizeof text, NULL), NEO_EOS);
    neo_msg_release(view.msg);

    opts.header_count = SIZE_MAX;
    EQUAL(neo_pub_open(kernel, neo_str("t"), &opts, &none, NULL), NEO_E_INVALID);
    opts.header_count = 1;
    opts.headers = NULL;
    EQUAL(neo_pub_open(kernel, neo_str("t"), &opts, &none, NULL), NEO_E_INVALID);
    opts.headers = headers;
    headers[0].key = neo_slice("\xff", 1);
    EQUAL(neo_pub_open(kernel, neo_str("t"), &opts, &none, &err), NEO_E_INVALID);
    CHECK(strstr(err.msg, "key") != NULL);
    headers[0].key = neo_str("kind");
    opts.traceparent = neo_str("00-no");
    EQUAL(neo_pub_open(kernel, neo_str("t"), &opts, &none, &err), NEO_E_INVALID);
    CHECK(strstr(err.msg, "00-no") != NULL && none == NULL);
    neo_pub_release(pub);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
}
