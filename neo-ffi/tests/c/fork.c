/* Handles belong to the process that made them. */
#include "harness.h"

#include <sys/wait.h>
#include <unistd.h>

static neo_kernel_t *kernel;
static neo_sub_t *sub;
static neo_pub_t *pub;
static neo_service_t *service;
static neo_poller_t *poller;
static neo_loan_t *loan;
static neo_view_t view;

/* Returns the line of what does not hold. */
static int in_child(void)
{
    neo_view_t other;
    neo_error_t err = NEO_ERROR_INIT;
    neo_kernel_t *own = NULL;
    neo_request_t *request = NULL;
#define NEED(condition) \
    if (!(condition))   \
        return __LINE__ % 250 + 1
    NEED(neo_publish(pub, "x", 1, NULL, NULL, &err) == NEO_E_FORKED);
    NEED(strstr(err.msg, "fork") != NULL);
    NEED(neo_publish_to(kernel, neo_str("t"), "x", 1, NULL, NULL) == NEO_E_FORKED);
    NEED(neo_try_recv(sub, &other, VIEW, NULL) == NEO_E_FORKED);
    NEED(neo_recv(sub, &other, VIEW, NEO_FOREVER, NULL) == NEO_E_FORKED);
    NEED(neo_service_recv(service, &request, NEO_FOREVER, NULL) == NEO_E_FORKED);
    NEED(neo_poller_arm(poller, NULL) == NEO_E_FORKED);
    NEED(neo_kernel_close(kernel) == NEO_E_FORKED);
    NEED(neo_sub_close(sub) == NEO_E_FORKED);
    NEED(neo_service_close(service) == NEO_E_FORKED);
    NEED(neo_loan_commit(loan, NULL, NULL) == NEO_E_FORKED);
    neo_loan_abort(loan);
    neo_msg_release(view.msg);
    neo_poller_release(poller);
    neo_service_release(service);
    neo_sub_release(sub);
    neo_pub_release(pub);
    neo_kernel_release(kernel);
    /* A kernel of its own works. */
    NEED(neo_kernel_open(neo_str("mem://"), NULL, &own, NULL) == NEO_OK);
    NEED(neo_publish_to(own, neo_str("t"), "x", 1, NULL, NULL) == NEO_OK);
    neo_kernel_release(own);
    return 0;
}

TEST(a_forked_child_is_refused_and_its_parent_goes_on)
{
    int status = -1;
    uint8_t *data = NULL;
    neo_view_t other;
    kernel = open_kernel();
    sub = open_sub(kernel, "t", 0, 0);
    pub = open_pub(kernel, "t");
    service = open_service(kernel, "s");
    OK(neo_poller_open(&poller, NULL));
    OK(neo_poller_add_sub(poller, sub, 1, NULL));
    OK(neo_publish(pub, "1", 1, NULL, NULL, NULL));
    OK(neo_recv(sub, &view, VIEW, 0, NULL));
    OK(neo_loan(pub, 4, &loan, &data, NULL));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        leave_child(in_child());
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    EQUAL(status, 0);
    memcpy(data, "2345", 4);
    OK(neo_loan_commit(loan, NULL, NULL));
    OK(neo_recv(sub, &other, VIEW, 0, NULL));
    CHECK(is_text(other.data, "2345") && is_text(view.data, "1"));
    neo_msg_release(other.msg);
    neo_msg_release(view.msg);
    neo_poller_release(poller);
    neo_service_release(service);
    neo_sub_release(sub);
    neo_pub_release(pub);
    neo_kernel_release(kernel);
}
