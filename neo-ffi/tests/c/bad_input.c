/* What no program should pass: each is refused, and nothing happens. */
#include "harness.h"

static neo_kernel_t *kernel;
static neo_sub_t *sub;
static neo_pub_t *pub;

static void set_up(void)
{
    kernel = open_kernel();
    sub = open_sub(kernel, "t", 0, 0);
    pub = open_pub(kernel, "t");
}

static void tear_down(void)
{
    uint64_t queued = 99;
    neo_sub_queued(sub, &queued, NULL);
    neo_pub_release(pub);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
    EQUAL(queued, 0);
}

/* A pointer of this type that is aligned for none. */
static void *odd(void)
{
    static uint64_t memory[64];
    return (uint8_t *)memory + 1;
}

TEST(null_is_refused_where_something_must_be)
{
    neo_view_t view;
    neo_error_t err = NEO_ERROR_INIT;
    neo_slice_t none = neo_slice(NULL, 5);
    neo_poller_t *poller = NULL;
    uint8_t *data = NULL;
    size_t n = 0;
    set_up();
    EQUAL(neo_kernel_open(neo_str("mem://"), NULL, NULL, &err), NEO_E_INVALID);
    CHECK(strstr(err.msg, "out") != NULL);
    EQUAL(neo_kernel_open(none, NULL, &kernel, &err), NEO_E_INVALID);
    EQUAL(neo_kernel_close(NULL), NEO_E_INVALID);
    EQUAL(neo_kernel_is_closed(NULL), 0);
    EQUAL(neo_kernel_retain(NULL), NEO_E_INVALID);
    EQUAL(neo_publish(NULL, "x", 1, NULL, NULL, &err), NEO_E_INVALID);
    EQUAL(neo_publish(pub, NULL, 1, NULL, NULL, &err), NEO_E_INVALID);
    EQUAL(neo_publish_to(kernel, none, "x", 1, NULL, &err), NEO_E_INVALID);
    EQUAL(neo_publish_batchv(pub, NULL, 1, NULL, &err), NEO_E_INVALID);
    EQUAL(neo_publish_batchv(pub, &none, 1, NULL, &err), NEO_E_INVALID);
    EQUAL(neo_publish_batch_flat(pub, "x", 1, NULL, 1, NULL, &err), NEO_E_INVALID);
    EQUAL(neo_loan(pub, 1, NULL, &data, &err), NEO_E_INVALID);
    EQUAL(neo_loan_commit(NULL, NULL, &err), NEO_E_INVALID);
    EQUAL(neo_try_recv(sub, NULL, VIEW, &err), NEO_E_INVALID);
    EQUAL(neo_recv(NULL, &view, VIEW, 0, &err), NEO_E_INVALID);
    EQUAL(neo_recv_batch(sub, NULL, VIEW, 1, &n, 0, &err), NEO_E_INVALID);
    EQUAL(neo_recv_batch(sub, &view, VIEW, 1, NULL, 0, &err), NEO_E_INVALID);
    EQUAL(neo_borrow_batch(sub, &view, VIEW, 1, &n, NULL, 0, &err), NEO_E_INVALID);
    EQUAL(neo_msg_view(NULL, &view, VIEW), NEO_E_INVALID);
    EQUAL(neo_reply(NULL, "x", 1, &err), NEO_E_INVALID);
    EQUAL(neo_call_wait(NULL, &view, VIEW, 0, &err), NEO_E_INVALID);
    EQUAL(neo_poller_open_wake(NULL, NULL, NULL, &poller, &err), NEO_E_INVALID);
    EQUAL(neo_poller_add_sub(NULL, sub, 1, &err), NEO_E_INVALID);
    EQUAL(neo_poller_fd(NULL), -1);
    EQUAL(neo_counters_totals(NULL, NULL), NEO_E_INVALID);
    tear_down();
}

TEST(misaligned_pointers_are_refused)
{
    neo_view_t view;
    size_t n = 0;
    set_up();
    EQUAL(neo_publish(odd(), "x", 1, NULL, NULL, NULL), NEO_E_INVALID);
    EQUAL(neo_publish(pub, "x", 1, odd(), NULL, NULL), NEO_E_INVALID);
    EQUAL(neo_publish(pub, "x", 1, NULL, odd(), NULL), NEO_E_INVALID);
    EQUAL(neo_publish(pub, "x", 1, NULL, NULL, odd()), NEO_E_INVALID);
    EQUAL(neo_kernel_open(neo_str("mem://"), odd(), &kernel, NULL), NEO_E_INVALID);
    EQUAL(neo_kernel_open(neo_str("mem://"), NULL, odd(), NULL), NEO_E_INVALID);
    EQUAL(neo_kernel_open(neo_str("ftp://"), NULL, &kernel, odd()), NEO_E_INVALID);
    EQUAL(neo_publish_batchv(pub, odd(), 2, NULL, NULL), NEO_E_INVALID);
    EQUAL(neo_publish_batch_flat(pub, "x", 1, odd(), 1, NULL, NULL), NEO_E_INVALID);
    EQUAL(neo_try_recv(sub, odd(), VIEW, NULL), NEO_E_INVALID);
    EQUAL(neo_recv_batch(sub, &view, VIEW, 1, odd(), 0, NULL), NEO_E_INVALID);
    EQUAL(neo_msg_view(odd(), &view, VIEW), NEO_E_INVALID);
    EQUAL(neo_sub_queued(sub, odd(), NULL), NEO_E_INVALID);
    EQUAL(neo_borrow_batch(sub, &view, VIEW, 1, &n, odd(), 0, NULL), NEO_E_INVALID);
    neo_msg_release(odd());
    neo_kernel_release(odd());
    tear_down();
}

TEST(impossible_lengths_are_refused)
{
    neo_view_t view;
    neo_error_t err = NEO_ERROR_INIT;
    neo_loan_t *loan = NULL;
    neo_room_t *room = NULL;
    uint8_t *data = NULL;
    uint64_t token;
    uint32_t lens[1] = {UINT32_MAX};
    neo_poller_t *poller = NULL;
    size_t n = 0;
    set_up();
    EQUAL(neo_publish(pub, "x", SIZE_MAX, NULL, NULL, &err), NEO_E_INVALID);
    EQUAL(neo_publish_to(kernel, neo_slice("x", SIZE_MAX), "x", 1, NULL, &err), NEO_E_INVALID);
    EQUAL(neo_publish_batchv(pub, (const neo_slice_t *)(void *)&view, SIZE_MAX, NULL, &err),
          NEO_E_INVALID);
    EQUAL(neo_publish_batch_flat(pub, "x", SIZE_MAX, lens, 1, NULL, &err), NEO_E_INVALID);
    EQUAL(neo_publish_batch_flat(pub, "x", 1, lens, SIZE_MAX, NULL, &err), NEO_E_INVALID);
    EQUAL(neo_publish_batch_flat(pub, "x", 1, lens, 1, NULL, &err), NEO_E_INVALID);
    EQUAL(neo_loan(pub, SIZE_MAX, &loan, &data, &err), NEO_E_TOO_LARGE);
    EQUAL(neo_recv_batch(sub, &view, VIEW, SIZE_MAX, &n, 0, &err), NEO_E_INVALID);
    EQUAL(neo_borrow_batch(sub, &view, VIEW, SIZE_MAX, &n, (neo_batch_t **)(void *)&data, 0, &err),
          NEO_E_INVALID);
    OK(neo_poller_open(&poller, NULL));
    EQUAL(neo_poller_take(poller, &token, SIZE_MAX, &n, NULL, &err), NEO_E_INVALID);
    OK(neo_room_open(pub, SIZE_MAX, &room, &err));
    neo_room_release(room);
    neo_poller_release(poller);
    CHECK(loan == NULL);
    tear_down();
}

TEST(wrong_sizes_of_structs_are_refused)
{
    neo_config_t config = NEO_CONFIG_INIT;
    neo_sub_opts_t opts = NEO_SUB_OPTS_INIT;
    neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
    neo_kernel_t *other = NULL;
    neo_sub_t *second = NULL;
    neo_view_t view;
    neo_error_t err = NEO_ERROR_INIT;
    set_up();
    config.struct_size = 0;
    EQUAL(neo_kernel_open(neo_str("mem://"), &config, &other, &err), NEO_E_VERSION);
    CHECK(strstr(err.msg, "neo_config_t") != NULL);
    config.struct_size = UINT32_MAX;
    EQUAL(neo_kernel_open(neo_str("mem://"), &config, &other, &err), NEO_E_VERSION);
    opts.struct_size--;
    EQUAL(neo_sub_open(kernel, neo_str("t"), &opts, &second, &err), NEO_E_VERSION);
    result.struct_size = 4;
    EQUAL(neo_publish(pub, "x", 1, NULL, &result, &err), NEO_E_VERSION);
    EQUAL(neo_try_recv(sub, &view, VIEW - 8, &err), NEO_E_VERSION);
    EQUAL(neo_try_recv(sub, &view, VIEW + 1, &err), NEO_E_VERSION);
    EQUAL(neo_try_recv(sub, &view, 0, &err), NEO_E_VERSION);
    EQUAL(neo_try_recv(sub, &view, SIZE_MAX, &err), NEO_E_VERSION);
    tear_down();
}

/* A program built with a later header, whose structs are longer. */
TEST(a_later_program_works_until_it_asks_for_what_is_not_known)
{
    struct {
        neo_sub_opts_t opts;
        uint64_t later;
    } longer = {NEO_SUB_OPTS_INIT, 0};
    struct {
        neo_view_t view;
        uint64_t later;
    } views[2];
    struct {
        neo_publish_result_t result;
        uint64_t later;
    } result = {NEO_PUBLISH_RESULT_INIT, 77};
    neo_sub_t *second = NULL;
    size_t n = 0;
    set_up();
    longer.opts.struct_size = sizeof longer;
    OK(neo_sub_open(kernel, neo_str("u"), &longer.opts, &second, NULL));
    result.result.struct_size = sizeof result;
    OK(neo_publish_to(kernel, neo_str("u"), "1", 1, &result.result, NULL));
    EQUAL(result.result.accepted, 1);
    EQUAL(result.result.struct_size, sizeof result);
    EQUAL(result.later, 77);
    OK(neo_publish_to(kernel, neo_str("u"), "2", 1, NULL, NULL));
    memset(views, 0xFF, sizeof views);
    OK(neo_recv_batch(second, &views[0].view, sizeof views[0], 2, &n, 0, NULL));
    EQUAL(n, 2);
    EQUAL(views[0].later, 0);
    CHECK(is_text(views[0].view.data, "1") && is_text(views[1].view.data, "2"));
    neo_msg_release_batch(&views[0].view, sizeof views[0], n);
    neo_sub_release(second);
    longer.later = 1;
    EQUAL(neo_sub_open(kernel, neo_str("u"), &longer.opts, &second, NULL), NEO_E_VERSION);
    tear_down();
}

TEST(numbers_out_of_range_and_broken_text_are_refused)
{
    neo_sub_opts_t opts = NEO_SUB_OPTS_INIT;
    neo_pub_opts_t pub_opts = NEO_PUB_OPTS_INIT;
    neo_sub_t *second = NULL;
    neo_pub_t *other = NULL;
    neo_error_t err = NEO_ERROR_INIT;
    set_up();
    opts.policy = 99;
    EQUAL(neo_sub_open(kernel, neo_str("t"), &opts, &second, &err), NEO_E_INVALID);
    CHECK(strstr(err.msg, "99") != NULL);
    opts.policy = 0;
    opts.wait = -1;
    EQUAL(neo_sub_open(kernel, neo_str("t"), &opts, &second, &err), NEO_E_INVALID);
    opts.wait = 0;
    opts.depth = 0;
    EQUAL(neo_sub_open(kernel, neo_str("t"), &opts, &second, &err), NEO_E_INVALID);
    opts.depth = 1000000;
    EQUAL(neo_sub_open(kernel, neo_str("t"), &opts, &second, &err), NEO_E_INVALID);
    pub_opts.stamp_time = 2;
    EQUAL(neo_pub_open(kernel, neo_str("t"), &pub_opts, &other, &err), NEO_E_INVALID);
    EQUAL(neo_pub_open(kernel, neo_str("\xFF\xFE"), NULL, &other, &err), NEO_E_INVALID);
    CHECK(strstr(err.msg, "UTF-8") != NULL);
    EQUAL(neo_pub_open(kernel, neo_str(""), NULL, &other, &err), NEO_E_INVALID);
    EQUAL(neo_sub_open(kernel, neo_str("a..b"), NULL, &second, &err), NEO_E_INVALID);
    tear_down();
}
