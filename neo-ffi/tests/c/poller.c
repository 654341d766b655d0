/* One wake-up for many sources. */
#include "harness.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

static int is_readable(int fd, int timeout_ms)
{
    struct pollfd wait = {fd, POLLIN, 0};
    return poll(&wait, 1, timeout_ms) == 1;
}

TEST(the_descriptor_is_readable_from_the_wake_to_the_next_arming)
{
    neo_kernel_t *kernel = open_kernel();
    neo_sub_t *sub = open_sub(kernel, "t", 0, 0);
    neo_poller_t *poller = NULL;
    neo_view_t view;
    uint64_t tokens[4];
    uint8_t interrupted = 9;
    size_t n = 9;
    OK(neo_poller_open(&poller, NULL));
    OK(neo_poller_add_sub(poller, sub, 7, NULL));
    EQUAL(neo_poller_add_sub(poller, sub, 8, NULL), NEO_E_MISUSE);
    OK(neo_poller_arm(poller, NULL));
    CHECK(!is_readable(neo_poller_fd(poller), 0));
    OK(neo_publish_to(kernel, neo_str("t"), "x", 1, NULL, NULL));
    CHECK(is_readable(neo_poller_fd(poller), 60000));
    OK(neo_poller_take(poller, tokens, 4, &n, &interrupted, NULL));
    EQUAL(n, 1);
    EQUAL(tokens[0], 7);
    EQUAL(interrupted, 0);
    EQUAL(neo_poller_arm(poller, NULL), NEO_ALREADY_READY);
    OK(neo_poller_take(poller, tokens, 4, &n, NULL, NULL));
    OK(neo_recv(sub, &view, VIEW, 0, NULL));
    neo_msg_release(view.msg);
    OK(neo_poller_arm(poller, NULL));
    CHECK(!is_readable(neo_poller_fd(poller), 0));
    OK(neo_poller_interrupt(poller, NULL));
    OK(neo_poller_take(poller, tokens, 4, &n, &interrupted, NULL));
    EQUAL(n, 0);
    EQUAL(interrupted, 1);
    OK(neo_poller_remove(poller, 7, NULL));
    EQUAL(neo_poller_remove(poller, 7, NULL), NEO_E_INVALID);
    EQUAL(neo_poller_wait(poller, 1000, NULL), NEO_AGAIN);
    OK(neo_poller_retain(poller));
    neo_poller_release(poller);
    neo_poller_release(poller);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
}

TEST(tokens_that_find_no_place_are_taken_next_time)
{
    neo_kernel_t *kernel = open_kernel();
    neo_sub_t *subs[3];
    neo_poller_t *poller = NULL;
    uint64_t tokens[3], seen = 0;
    size_t n = 0;
    OK(neo_poller_open(&poller, NULL));
    for (uint64_t i = 0; i < 3; i++) {
        subs[i] = open_sub(kernel, "t", 0, 0);
        OK(neo_poller_add_sub(poller, subs[i], i, NULL));
    }
    OK(neo_publish_to(kernel, neo_str("t"), "x", 1, NULL, NULL));
    OK(neo_poller_take(poller, NULL, 0, &n, NULL, NULL));
    EQUAL(n, 0);
    for (size_t cap = 1; cap <= 2; cap++) {
        OK(neo_poller_take(poller, tokens, cap, &n, NULL, NULL));
        EQUAL(n, cap);
        for (size_t i = 0; i < n; i++) {
            seen |= 1u << tokens[i];
        }
    }
    EQUAL(seen, 7);
    for (int i = 0; i < 3; i++) {
        neo_sub_release(subs[i]);
    }
    neo_poller_release(poller);
    neo_kernel_release(kernel);
}

typedef struct {
    atomic_int woken, dropped;
} host_t;

static void on_wake(void *ctx)
{
    atomic_fetch_add(&((host_t *)ctx)->woken, 1);
}

static void on_drop(void *ctx)
{
    atomic_fetch_add(&((host_t *)ctx)->dropped, 1);
}

TEST(a_callback_is_called_once_for_each_arming_and_dropped_once)
{
    neo_kernel_t *kernel = open_kernel();
    neo_service_t *service = open_service(kernel, "s");
    neo_poller_t *poller = NULL;
    neo_call_t *call = NULL;
    neo_request_t *request = NULL;
    neo_view_t reply;
    host_t host = {0, 0};
    OK(neo_poller_open_wake(on_wake, on_drop, &host, &poller, NULL));
    EQUAL(neo_poller_fd(poller), -1);
    OK(neo_poller_add_service(poller, service, 1, NULL));
    OK(neo_call_start(kernel, neo_str("s"), neo_str("m"), NULL, 0, &call, NULL));
    OK(neo_poller_add_call(poller, call, 2, NULL));
    EQUAL(atomic_load(&host.woken), 0);
    EQUAL(neo_poller_arm(poller, NULL), NEO_ALREADY_READY);
    OK(neo_service_recv(service, &request, 0, NULL));
    uint64_t tokens[4];
    size_t n = 0;
    OK(neo_poller_take(poller, tokens, 4, &n, NULL, NULL));
    OK(neo_poller_arm(poller, NULL));
    OK(neo_reply(request, "x", 1, NULL));
    EQUAL(atomic_load(&host.woken), 1);
    neo_request_release(request);
    OK(neo_poller_take(poller, tokens, 4, &n, NULL, NULL));
    EQUAL(n, 1);
    EQUAL(tokens[0], 2);
    OK(neo_call_wait(call, &reply, VIEW, 0, NULL));
    neo_msg_release(reply.msg);
    EQUAL(atomic_load(&host.dropped), 0);
    neo_poller_release(poller);
    EQUAL(atomic_load(&host.dropped), 1);
    EQUAL(atomic_load(&host.woken), 1);
    neo_call_release(call);
    neo_service_release(service);
    neo_kernel_release(kernel);
}

TEST(room_is_waited_for)
{
    neo_kernel_t *kernel = open_kernel();
    neo_sub_t *sub = open_sub(kernel, "t", 1, NEO_POLICY_BLOCK);
    neo_pub_t *pub = open_pub(kernel, "t");
    neo_poller_t *poller = NULL;
    neo_room_t *room = NULL;
    neo_view_t view;
    OK(neo_poller_open(&poller, NULL));
    OK(neo_room_open(pub, 1, &room, NULL));
    OK(neo_room_wait(room, 0, NULL));
    OK(neo_publish(pub, "x", 1, NULL, NULL, NULL));
    EQUAL(neo_room_wait(room, 1000, NULL), NEO_AGAIN);
    OK(neo_poller_add_room(poller, room, 5, NULL));
    OK(neo_poller_arm(poller, NULL));
    OK(neo_recv(sub, &view, VIEW, 0, NULL));
    neo_msg_release(view.msg);
    OK(neo_poller_wait(poller, NEO_FOREVER, NULL));
    OK(neo_room_wait(room, NEO_FOREVER, NULL));
    OK(neo_room_retain(room));
    neo_room_release(room);
    neo_room_release(room);
    neo_poller_release(poller);
    neo_pub_release(pub);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
}

enum { PRODUCERS = 3, EACH = 20000 };

typedef struct {
    neo_kernel_t *kernel;
    int number;
} producer_t;

static void *produce(void *argument)
{
    producer_t *self = argument;
    neo_pub_opts_t opts = NEO_PUB_OPTS_INIT;
    neo_pub_t *pub = NULL;
    char topic[16];
    intptr_t sent = 0;
    opts.send_timeout_ns = NEO_FOREVER;
    snprintf(topic, sizeof topic, "t.%d", self->number);
    if (neo_pub_open(self->kernel, neo_str(topic), &opts, &pub, NULL) == NEO_OK) {
        for (int i = 0; i < EACH; i++) {
            sent += neo_publish(pub, &i, sizeof i, NULL, NULL, NULL) == NEO_OK;
        }
        neo_pub_release(pub);
    }
    return (void *)sent;
}

/* Each arming is followed by a sleep for ever: a lost wake-up is a hang. */
TEST(no_wake_is_lost_between_threads)
{
    neo_kernel_t *kernel = open_kernel();
    neo_poller_t *poller = NULL;
    neo_sub_t *subs[PRODUCERS];
    producer_t producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    int received = 0;
    OK(neo_poller_open(&poller, NULL));
    for (int i = 0; i < PRODUCERS; i++) {
        char pattern[16];
        snprintf(pattern, sizeof pattern, "t.%d", i);
        subs[i] = open_sub(kernel, pattern, 64, NEO_POLICY_BLOCK);
        OK(neo_poller_add_sub(poller, subs[i], (uint64_t)i, NULL));
        producers[i] = (producer_t){kernel, i};
        CHECK(pthread_create(&threads[i], NULL, produce, &producers[i]) == 0);
    }
    while (received < PRODUCERS * EACH) {
        uint64_t tokens[PRODUCERS];
        size_t n = 0, count = 0;
        if (neo_poller_arm(poller, NULL) == NEO_OK) {
            CHECK(is_readable(neo_poller_fd(poller), 60000));
        }
        OK(neo_poller_take(poller, tokens, PRODUCERS, &n, NULL, NULL));
        for (size_t i = 0; i < n; i++) {
            neo_view_t views[32];
            while (neo_recv_batch(subs[tokens[i]], views, VIEW, 32, &count, 0, NULL) == NEO_OK) {
                received += (int)count;
                neo_msg_release_batch(views, VIEW, count);
            }
        }
    }
    for (int i = 0; i < PRODUCERS; i++) {
        void *sent = NULL;
        pthread_join(threads[i], &sent);
        EQUAL((intptr_t)sent, EACH);
        neo_sub_release(subs[i]);
    }
    neo_poller_release(poller);
    neo_kernel_release(kernel);
}
