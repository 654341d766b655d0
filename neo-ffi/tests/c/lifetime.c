/* References, closing, and what a defect leaves behind. */
#include "harness.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

/* Exported by a library that was built for the tests. */
neo_status_t neo__test_panic(neo_kernel_t *kernel, int32_t mode, neo_error_t *err);

TEST(handles_are_released_in_any_order)
{
    neo_kernel_t *kernel = open_kernel();
    neo_pub_t *pub = open_pub(kernel, "t");
    neo_sub_t *sub = open_sub(kernel, "t", 0, 0);
    static uint8_t large[100000];
    neo_view_t view;
    neo_kernel_release(kernel);
    large[99999] = 3;
    OK(neo_publish(pub, large, sizeof large, NULL, NULL, NULL));
    neo_pub_release(pub);
    OK(neo_recv(sub, &view, VIEW, 0, NULL));
    neo_sub_release(sub);
    EQUAL(view.data.data[99999], 3);
    neo_msg_release(view.msg);
}

TEST(each_reference_is_released_once)
{
    neo_kernel_t *kernel = open_kernel();
    neo_pub_t *pub = open_pub(kernel, "t");
    OK(neo_kernel_retain(kernel));
    OK(neo_pub_retain(pub));
    neo_pub_release(pub);
    neo_kernel_release(kernel);
    EQUAL(neo_debug_live(NEO_LIVE_ALL), 2);
    OK(neo_publish(pub, "x", 1, NULL, NULL, NULL));
    neo_pub_release(pub);
    neo_kernel_release(kernel);
}

TEST(null_is_released_without_effect)
{
    neo_kernel_release(NULL);
    neo_pub_release(NULL);
    neo_sub_release(NULL);
    neo_batch_release(NULL);
    neo_msg_release(NULL);
    neo_service_release(NULL);
    neo_request_release(NULL);
    neo_call_release(NULL);
    neo_room_release(NULL);
    neo_poller_release(NULL);
    neo_counters_release(NULL);
    neo_msg_release_batch(NULL, VIEW, 0);
    neo_msg_release_batch(NULL, VIEW, SIZE_MAX);
}

TEST(what_is_closed_says_so_and_what_was_received_stays)
{
    neo_kernel_t *kernel = open_kernel(), *other = NULL;
    neo_sub_t *sub = open_sub(kernel, "t", 0, 0);
    neo_pub_t *pub = open_pub(kernel, "t");
    neo_service_t *service = open_service(kernel, "s");
    neo_request_t *request = NULL;
    neo_loan_t *loan = NULL;
    uint8_t *data = NULL;
    neo_view_t view, second;
    OK(neo_publish(pub, "1", 1, NULL, NULL, NULL));
    OK(neo_publish(pub, "2", 1, NULL, NULL, NULL));
    OK(neo_recv(sub, &view, VIEW, 0, NULL));
    OK(neo_loan(pub, 10, &loan, &data, NULL));
    EQUAL(neo_kernel_is_closed(kernel), 0);
    OK(neo_kernel_close(kernel));
    OK(neo_kernel_close(kernel));
    EQUAL(neo_kernel_is_closed(kernel), 1);
    EQUAL(neo_publish(pub, "3", 1, NULL, NULL, NULL), NEO_E_CLOSED);
    EQUAL(neo_publish_to(kernel, neo_str("t"), "3", 1, NULL, NULL), NEO_E_CLOSED);
    EQUAL(neo_loan_commit(loan, NULL, NULL), NEO_E_CLOSED);
    EQUAL(neo_loan(pub, 10, &loan, &data, NULL), NEO_E_CLOSED);
    OK(neo_recv(sub, &second, VIEW, NEO_FOREVER, NULL));
    CHECK(is_text(view.data, "1") && is_text(second.data, "2"));
    EQUAL(neo_recv(sub, &second, VIEW, NEO_FOREVER, NULL), NEO_E_CLOSED);
    EQUAL(neo_service_recv(service, &request, NEO_FOREVER, NULL), NEO_E_CLOSED);
    EQUAL(neo_sub_open(kernel, neo_str("t"), NULL, &sub, NULL), NEO_E_CLOSED);
    neo_msg_release(second.msg);
    OK(neo_msg_view(view.msg, &second, VIEW));
    CHECK(second.msg == view.msg && is_text(second.data, "1"));
    OK(neo_msg_retain(view.msg));
    neo_msg_release(view.msg);
    neo_msg_release(view.msg);
    neo_service_release(service);
    neo_pub_release(pub);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
    OK(neo_kernel_open(neo_str("mem://"), NULL, &other, NULL));
    neo_kernel_release(other);
}

static void *blocked(void *argument)
{
    static __thread neo_view_t view;
    return (void *)(intptr_t)neo_recv(argument, &view, VIEW, NEO_FOREVER, NULL);
}

TEST(closing_wakes_every_blocked_receiver)
{
    enum { THREADS = 4 };
    for (int of_kernel = 0; of_kernel < 2; of_kernel++) {
        neo_kernel_t *kernel = open_kernel();
        neo_sub_t *sub = open_sub(kernel, "t", 0, 0);
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) {
            CHECK(pthread_create(&threads[i], NULL, blocked, sub) == 0);
        }
        OK(of_kernel ? neo_kernel_close(kernel) : neo_sub_close(sub));
        for (int i = 0; i < THREADS; i++) {
            void *status = NULL;
            pthread_join(threads[i], &status);
            EQUAL((intptr_t)status, NEO_E_CLOSED);
        }
        neo_sub_release(sub);
        neo_kernel_release(kernel);
    }
}

TEST(a_handle_of_another_type_is_refused)
{
    neo_kernel_t *kernel = open_kernel();
    neo_sub_t *sub = open_sub(kernel, "t", 0, 0);
    neo_error_t err = NEO_ERROR_INIT;
    EQUAL(neo_publish((neo_pub_t *)(void *)sub, "x", 1, NULL, NULL, &err), NEO_E_BAD_HANDLE);
    CHECK(strstr(err.msg, "publisher") != NULL);
    EQUAL(neo_kernel_close((neo_kernel_t *)(void *)sub), NEO_E_BAD_HANDLE);
    neo_kernel_release((neo_kernel_t *)(void *)sub);
    EQUAL(neo_debug_live(NEO_LIVE_ALL), 2);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
}

TEST(a_planted_leak_is_found)
{
    neo_kernel_t *kernel = open_kernel();
    EQUAL(neo_debug_live(NEO_LIVE_ALL), 1);
    EQUAL(neo_debug_live(NEO_LIVE_KERNELS), 1);
    EQUAL(neo_debug_live(NEO_LIVE_MESSAGES), 0);
    neo_kernel_release(kernel);
}

/* A poisoned kernel is leaked, so it is a child's. */
static int panics(int32_t mode)
{
    neo_kernel_t *kernel = open_kernel();
    neo_error_t err = NEO_ERROR_INIT;
    int failed = neo__test_panic(kernel, mode, &err) != NEO_E_INTERNAL;
    failed |= err.code != NEO_E_INTERNAL;
    failed |= mode == 0 && strstr(err.msg, "a test asked for it") == NULL;
    /* The handle is poisoned: it is refused, and its release leaks it. */
    failed |= neo_kernel_trim(kernel, NULL, NULL) != NEO_E_INTERNAL;
    neo_kernel_release(kernel);
    return failed;
}

TEST(a_panic_becomes_an_error_and_poisons_its_handle)
{
    for (int32_t mode = 0; mode < 2; mode++) {
        int status = -1;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            close(2); /* the panic's own report */
            leave_child(panics(mode));
        }
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        EQUAL(status, 0);
    }
}
