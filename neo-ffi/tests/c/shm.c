/* Kernels of shm://, which processes share. */
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char url[64];

static neo_kernel_t *open_shared(uint8_t without_thread)
{
    neo_kernel_t *kernel = NULL;
    neo_config_t config = NEO_CONFIG_INIT;
    config.memory_bytes_max = 16 << 20;
    config.without_thread = without_thread;
    CHECK_OR(neo_kernel_open(neo_str(url), &config, &kernel, NULL) == NEO_OK, return NULL);
    return kernel;
}

/* A child that opens the kernel of `url` for itself and runs `role`, which ends it. */
static pid_t start(void (*role)(neo_kernel_t *kernel))
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        role(open_shared(0));
        leave_child(99);
    }
    return child;
}

/* Answers one request with what it says. */
static void serve_one(neo_kernel_t *kernel)
{
    neo_service_t *service = NULL;
    neo_request_t *request = NULL;
    neo_request_view_t asked;
    if (neo_service_open(kernel, neo_str("echo"), NULL, &service, NULL) != NEO_OK ||
        neo_publish_to(kernel, neo_str("up"), "here", 4, NULL, NULL) != NEO_OK ||
        neo_service_recv(service, &request, SECONDS(60), NULL) != NEO_OK ||
        neo_request_view(request, &asked, sizeof asked) != NEO_OK ||
        neo_reply(request, asked.data.data, asked.data.len, NULL) != NEO_OK) {
        leave_child(1);
    }
    neo_request_release(request);
    neo_service_release(service);
    neo_kernel_release(kernel);
    leave_child(0);
}

TEST(two_processes_share_a_kernel)
{
    int status = -1;
    neo_view_t view;
    neo_call_opts_t opts = NEO_CALL_OPTS_INIT;
    snprintf(url, sizeof url, "shm://c-share-%d", (int)getpid());
    neo_kernel_t *kernel = open_shared(0);
    neo_sub_t *sub = open_sub(kernel, "up", 0, 0);
    pid_t child = start(serve_one);
    OK(neo_recv(sub, &view, VIEW, SECONDS(60), NULL));
    CHECK(is_text(view.data, "here"));
    neo_msg_release(view.msg);
    opts.timeout_ns = SECONDS(60);
    OK(neo_call(kernel, neo_str("echo"), neo_str("m"), "ping", 4, &opts, &view, VIEW, NULL));
    CHECK(is_text(view.data, "ping"));
    neo_msg_release(view.msg);
    CHECK(waitpid(child, &status, 0) == child);
    EQUAL(status, 0);
    EQUAL(neo_call(kernel, neo_str("echo"), neo_str("m"), "", 0, &opts, &view, VIEW, NULL),
          NEO_E_NO_RESPONDER);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
}

/* Holds a subscription until it is killed. */
static void hold(neo_kernel_t *kernel)
{
    neo_sub_t *sub = NULL;
    neo_view_t view;
    if (neo_sub_open(kernel, neo_str("held"), NULL, &sub, NULL) != NEO_OK ||
        neo_publish_to(kernel, neo_str("up"), "here", 4, NULL, NULL) != NEO_OK) {
        leave_child(1);
    }
    (void)neo_recv(sub, &view, VIEW, NEO_FOREVER, NULL);
    leave_child(2);
}

/* Whether the system tells of the end of a process by a descriptor; valgrind's does not. */
static int tells_of_deaths(void)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

TEST(without_a_thread_the_host_learns_of_messages_and_of_a_death_by_a_descriptor)
{
    neo_view_t view;
    neo_reclaimed_t more = NEO_RECLAIMED_INIT;
    uint64_t participants = 0, routes = 0;
    snprintf(url, sizeof url, "shm://c-death-%d", (int)getpid());
    neo_kernel_t *kernel = open_shared(1);
    neo_sub_t *sub = open_sub(kernel, "up", 0, 0);
    struct pollfd death = {neo_kernel_maintain_fd(kernel), POLLIN, 0};
    neo_poller_t *poller = NULL;
    CHECK(death.fd >= 0);
    OK(neo_poller_open(&poller, NULL));
    OK(neo_poller_add_sub(poller, sub, 1, NULL));
    pid_t child = start(hold);
    /* Wakes come by it, too. */
    while (neo_poller_arm(poller, NULL) == NEO_OK) {
        CHECK(poll(&death, 1, 60000) == 1);
        OK(neo_kernel_maintain(kernel, NULL, NULL));
    }
    OK(neo_recv(sub, &view, VIEW, 0, NULL));
    neo_msg_release(view.msg);
    CHECK(kill(child, SIGKILL) == 0);
    while (participants == 0) {
        /* Without it the host looks now and then. */
        int tells = tells_of_deaths();
        CHECK(poll(&death, 1, tells ? 60000 : 100) == 1 || !tells);
        OK(neo_kernel_maintain(kernel, &more, NULL));
        participants += more.participants;
        routes += more.routes;
    }
    EQUAL(participants, 1);
    EQUAL(routes, 1);
    CHECK(waitpid(child, NULL, 0) == child);
    neo_poller_release(poller);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
}

/* Waits until the one thread of the parent sleeps. */
static void await_sleeping_parent(void)
{
    char path[32], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)getppid());
    while (state != 'S') {
        FILE *file = fopen(path, "r");
        if (file == NULL || fscanf(file, "%*d %*s %c", &state) != 1) {
            leave_child(3);
        }
        fclose(file);
        usleep(1000);
    }
}

/* Sends two messages and an answer, each to a parent that sleeps. */
static void wake_parent(neo_kernel_t *kernel)
{
    neo_view_t view;
    neo_sub_t *sub = NULL;
    neo_service_t *service = NULL;
    neo_request_t *request = NULL;
    if (neo_service_open(kernel, neo_str("echo"), NULL, &service, NULL) != NEO_OK ||
        neo_sub_open(kernel, neo_str("down"), NULL, &sub, NULL) != NEO_OK) {
        leave_child(1);
    }
    await_sleeping_parent();
    if (neo_publish_to(kernel, neo_str("up"), "here", 4, NULL, NULL) != NEO_OK ||
        neo_recv(sub, &view, VIEW, SECONDS(60), NULL) != NEO_OK) {
        leave_child(1);
    }
    neo_msg_release(view.msg);
    await_sleeping_parent();
    if (neo_publish_to(kernel, neo_str("up"), "here", 4, NULL, NULL) != NEO_OK ||
        neo_service_recv(service, &request, SECONDS(60), NULL) != NEO_OK) {
        leave_child(1);
    }
    await_sleeping_parent();
    if (neo_reply(request, "yes", 3, NULL) != NEO_OK) {
        leave_child(1);
    }
    neo_request_release(request);
    neo_service_release(service);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
    leave_child(0);
}

TEST(without_a_thread_who_waits_for_ever_is_woken_by_another_process)
{
    int status = -1;
    uint64_t tokens[1];
    size_t n = 0;
    uint8_t interrupted = 0;
    neo_view_t view;
    neo_poller_t *poller = NULL;
    neo_call_t *call = NULL;
    snprintf(url, sizeof url, "shm://c-alone-%d", (int)getpid());
    neo_kernel_t *kernel = open_shared(1);
    neo_sub_t *sub = open_sub(kernel, "up", 0, 0);
    pid_t child = start(wake_parent);
    /* Ends this process if a wait does not end. */
    alarm(120);
    OK(neo_recv(sub, &view, VIEW, NEO_FOREVER, NULL));
    neo_msg_release(view.msg);
    OK(neo_poller_open(&poller, NULL));
    OK(neo_poller_add_sub(poller, sub, 1, NULL));
    OK(neo_publish_to(kernel, neo_str("down"), "next", 4, NULL, NULL));
    do {
        /* Ready is a hint: the wake of the first message may come by the poller still. */
        OK(neo_poller_wait(poller, NEO_FOREVER, NULL));
        OK(neo_poller_take(poller, tokens, 1, &n, &interrupted, NULL));
        status = neo_recv(sub, &view, VIEW, 0, NULL);
    } while (status == NEO_AGAIN);
    OK(status);
    neo_msg_release(view.msg);
    OK(neo_call_start(kernel, neo_str("echo"), neo_str("m"), "?", 1, &call, NULL));
    OK(neo_call_wait(call, &view, VIEW, NEO_FOREVER, NULL));
    CHECK(is_text(view.data, "yes"));
    neo_msg_release(view.msg);
    alarm(0);
    CHECK(waitpid(child, &status, 0) == child);
    EQUAL(status, 0);
    neo_call_release(call);
    neo_poller_release(poller);
    neo_sub_release(sub);
    neo_kernel_release(kernel);
}

TEST(a_kernel_of_one_process_has_nothing_to_maintain)
{
    neo_kernel_t *kernel = open_kernel(), *other = NULL;
    neo_reclaimed_t more = NEO_RECLAIMED_INIT;
    neo_config_t config = NEO_CONFIG_INIT;
    neo_error_t err = NEO_ERROR_INIT;
    EQUAL(neo_kernel_maintain_fd(kernel), -1);
    EQUAL(neo_kernel_maintain_fd(NULL), -1);
    OK(neo_kernel_maintain(kernel, &more, NULL));
    OK(neo_kernel_maintain(kernel, NULL, NULL));
    EQUAL(more.participants, 0);
    more.struct_size = 8;
    EQUAL(neo_kernel_maintain(kernel, &more, &err), NEO_E_VERSION);
    EQUAL(neo_kernel_maintain(NULL, NULL, NULL), NEO_E_INVALID);
    neo_kernel_release(kernel);
    config.without_thread = 2;
    EQUAL(neo_kernel_open(neo_str("mem://"), &config, &other, &err), NEO_E_INVALID);
    CHECK(strstr(err.msg, "without_thread") != NULL);
}

TEST(options_of_the_first_header_are_read_as_they_were)
{
    neo_kernel_t *kernel = NULL;
    neo_config_t config = NEO_CONFIG_INIT;
    config.struct_size = offsetof(neo_config_t, without_thread);
    config.without_thread = 77;
    OK(neo_kernel_open(neo_str("mem://"), &config, &kernel, NULL));
    neo_kernel_release(kernel);
}

TEST(what_the_system_refuses_has_its_number)
{
    neo_kernel_t *kernel = NULL;
    neo_error_t err = NEO_ERROR_INIT;
    setenv("NEO_SHM_DIR", "/dev/null/names", 1);
    EQUAL(neo_kernel_open(neo_str("shm://neo-c-refused"), NULL, &kernel, &err), NEO_E_OS);
    EQUAL(err.os_errno, ENOTDIR);
    unsetenv("NEO_SHM_DIR");
    EQUAL(neo_kernel_open(neo_str("ftp://x"), NULL, &kernel, &err), NEO_E_INVALID);
    EQUAL(err.os_errno, 0);
}

TEST(a_name_that_nobody_has_open_is_not_found)
{
    neo_kernel_t *kernel = NULL;
    neo_config_t config = NEO_CONFIG_INIT;
    config.existing_only = 1;
    EQUAL(neo_kernel_open(neo_str("shm://neo-c-nobody"), &config, &kernel, NULL), NEO_E_NOT_FOUND);
    EQUAL(neo_kernel_open(neo_str("mem://neo-c-nobody"), &config, &kernel, NULL), NEO_E_NOT_FOUND);
    config.existing_only = 2;
    EQUAL(neo_kernel_open(neo_str("mem://neo-c-nobody"), &config, &kernel, NULL), NEO_E_INVALID);
}
