/* Calls and services. */
#include "harness.h"

#include <pthread.h>

/* Answers `echo` with the argument, `no` with an error, and nothing else. */
static void *serve(void *argument)
{
    neo_service_t *service = argument;
    neo_request_t *request = NULL;
    neo_request_view_t view;
    while (neo_service_recv(service, &request, NEO_FOREVER, NULL) == NEO_OK) {
        neo_request_view(request, &view, sizeof view);
        if (is_text(view.method, "echo")) {
            neo_reply(request, view.data.data, view.data.len, NULL);
        } else if (is_text(view.method, "no")) {
            neo_reply_error(request, neo_str("not today"), NULL);
        }
        neo_request_release(request);
    }
    return NULL;
}

TEST(calls_are_answered_refused_and_dropped)
{
    neo_kernel_t *kernel = open_kernel();
    neo_service_t *service = open_service(kernel, "s");
    neo_error_t err = NEO_ERROR_INIT;
    neo_view_t reply;
    neo_slice_t name;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, serve, service) == 0);
    OK(neo_service_name(service, &name));
    CHECK(is_text(name, "s"));
    OK(neo_call(kernel, neo_str("s"), neo_str("echo"), "hello", 5, NULL, &reply, VIEW, &err));
    CHECK(is_text(reply.data, "hello") && reply.topic.len == 0);
    neo_msg_release(reply.msg);
    EQUAL(neo_call(kernel, neo_str("s"), neo_str("no"), NULL, 0, NULL, &reply, VIEW, &err),
          NEO_E_SERVICE);
    CHECK(strcmp(err.msg, "not today") == 0);
    EQUAL(neo_call(kernel, neo_str("s"), neo_str("?"), NULL, 0, NULL, &reply, VIEW, &err),
          NEO_E_NO_REPLY);
    EQUAL(neo_call(kernel, neo_str("t"), neo_str("?"), NULL, 0, NULL, &reply, VIEW, &err),
          NEO_E_NO_RESPONDER);
    OK(neo_service_close(service));
    pthread_join(thread, NULL);
    neo_service_release(service);
    neo_kernel_release(kernel);
}

TEST(a_call_without_limit_waits_for_its_answer)
{
    neo_kernel_t *kernel = open_kernel();
    neo_service_t *service = open_service(kernel, "s");
    neo_call_opts_t opts = NEO_CALL_OPTS_INIT;
    neo_view_t reply;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, serve, service) == 0);
    opts.timeout_ns = NEO_FOREVER;
    OK(neo_call(kernel, neo_str("s"), neo_str("echo"), "1", 1, &opts, &reply, VIEW, NULL));
    neo_msg_release(reply.msg);
    opts.timeout_ns = INT64_MAX;
    OK(neo_call(kernel, neo_str("s"), neo_str("echo"), "1", 1, &opts, &reply, VIEW, NULL));
    neo_msg_release(reply.msg);
    OK(neo_kernel_close(kernel));
    pthread_join(thread, NULL);
    neo_service_release(service);
    neo_kernel_release(kernel);
}

TEST(a_request_has_one_answer)
{
    neo_kernel_t *kernel = open_kernel();
    neo_service_t *service = open_service(kernel, "s");
    neo_request_t *request = NULL;
    neo_request_view_t view;
    neo_slice_t argument;
    neo_call_t *call = NULL;
    neo_view_t reply;
    OK(neo_call_start(kernel, neo_str("s"), neo_str("m"), "1", 1, &call, NULL));
    EQUAL(neo_call_wait(call, &reply, VIEW, 0, NULL), NEO_AGAIN);
    OK(neo_service_recv(service, &request, 0, NULL));
    OK(neo_request_retain(request));
    OK(neo_reply(request, "a", 1, NULL));
    EQUAL(neo_reply(request, "b", 1, NULL), NEO_E_MISUSE);
    EQUAL(neo_reply_error(request, neo_str("c"), NULL), NEO_E_MISUSE);
    neo_request_release(request);
    OK(neo_request_view(request, &view, sizeof view));
    CHECK(is_text(view.method, "m") && is_text(view.data, "1"));
    OK(neo_request_data(request, &argument));
    CHECK(argument.data == view.data.data && argument.len == view.data.len);
    EQUAL(neo_request_data(request, NULL), NEO_E_INVALID);
    neo_request_release(request);
    EQUAL(neo_request_data(NULL, &argument), NEO_E_INVALID);
    OK(neo_call_wait(call, &reply, VIEW, NEO_FOREVER, NULL));
    CHECK(is_text(reply.data, "a"));
    EQUAL(neo_call_wait(call, &reply, VIEW, 0, NULL), NEO_E_MISUSE);
    neo_msg_release(reply.msg);
    neo_call_release(call);
    neo_service_release(service);
    neo_kernel_release(kernel);
}

TEST(a_request_released_unanswered_is_told_to_its_caller)
{
    neo_kernel_t *kernel = open_kernel();
    neo_service_t *service = open_service(kernel, "s");
    neo_request_t *request = NULL;
    neo_call_t *call = NULL;
    neo_view_t reply;
    OK(neo_call_start(kernel, neo_str("s"), neo_str("m"), NULL, 0, &call, NULL));
    OK(neo_service_recv(service, &request, 0, NULL));
    EQUAL(neo_service_recv(service, &request, 0, NULL), NEO_AGAIN);
    neo_request_release(request);
    EQUAL(neo_call_wait(call, &reply, VIEW, NEO_FOREVER, NULL), NEO_E_NO_REPLY);
    neo_call_release(call);
    OK(neo_call_start(kernel, neo_str("s"), neo_str("m"), NULL, 0, &call, NULL));
    OK(neo_call_cancel(call));
    OK(neo_call_cancel(call));
    EQUAL(neo_call_wait(call, &reply, VIEW, NEO_FOREVER, NULL), NEO_E_MISUSE);
    neo_call_release(call);
    neo_service_release(service);
    neo_kernel_release(kernel);
}

TEST(a_call_in_vain_ends_with_its_timeout)
{
    neo_kernel_t *kernel = open_kernel();
    neo_service_t *service = open_service(kernel, "s");
    neo_call_opts_t opts = NEO_CALL_OPTS_INIT;
    neo_view_t reply;
    opts.timeout_ns = 1000000;
    EQUAL(neo_call(kernel, neo_str("s"), neo_str("m"), "1", 1, &opts, &reply, VIEW, NULL),
          NEO_E_TIMEOUT);
    neo_service_release(service);
    neo_kernel_release(kernel);
}
