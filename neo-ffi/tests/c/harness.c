#include "harness.h"

#include <stdlib.h>
#include <unistd.h>

static test_t *tests;
static int failures;

void harness_add(test_t *test)
{
    test_t **end = &tests;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = test;
}

void harness_fail(const char *file, int line, const char *what, long long got, long long wanted)
{
    failures++;
    printf("\n  %s:%d: %s is %lld, wanted %lld ", file, line, what, got, wanted);
}

neo_kernel_t *open_kernel(void)
{
    neo_kernel_t *kernel = NULL;
    neo_error_t err = NEO_ERROR_INIT;
    neo_config_t config = NEO_CONFIG_INIT;
    config.call_timeout_ns = SECONDS(60);
    neo_status_t status = neo_kernel_open(neo_str("mem://"), &config, &kernel, &err);
    CHECK_OR(status == NEO_OK, return NULL);
    return kernel;
}

neo_pub_t *open_pub(neo_kernel_t *kernel, const char *topic)
{
    neo_pub_t *pub = NULL;
    CHECK_OR(neo_pub_open(kernel, neo_str(topic), NULL, &pub, NULL) == NEO_OK, return NULL);
    return pub;
}

neo_sub_t *open_sub(neo_kernel_t *kernel, const char *pattern, uint32_t depth, int32_t policy)
{
    neo_sub_t *sub = NULL;
    neo_sub_opts_t opts = NEO_SUB_OPTS_INIT;
    opts.depth = depth == 0 ? NEO_DEFAULT32 : depth;
    opts.policy = policy;
    CHECK_OR(neo_sub_open(kernel, neo_str(pattern), &opts, &sub, NULL) == NEO_OK, return NULL);
    return sub;
}

neo_service_t *open_service(neo_kernel_t *kernel, const char *name)
{
    neo_service_t *service = NULL;
    CHECK_OR(neo_service_open(kernel, neo_str(name), NULL, &service, NULL) == NEO_OK, return NULL);
    return service;
}

int is_text(neo_slice_t slice, const char *text)
{
    return slice.len == strlen(text) && memcmp(slice.data, text, slice.len) == 0;
}

void leave_child(int status)
{
    char command[32];
    snprintf(command, sizeof command, "exit %d", status);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* What a leak detector must find: `leak` forgets memory of C's, `leak-handle` a handle. */
static int plant(const char *what)
{
    if (strcmp(what, "leak") == 0) {
        void *volatile lost = malloc(4321);
        lost = NULL;
        return lost != NULL;
    }
    neo_kernel_t *volatile lost = open_kernel();
    lost = NULL;
    return neo_debug_live(NEO_LIVE_ALL) == 1 && lost == NULL ? 0 : 2;
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0;
    if (argc == 3 && strcmp(argv[1], "plant") == 0) {
        return plant(argv[2]);
    }
    for (test_t *test = tests; test != NULL; test = test->next) {
        if (argc == 2 && strstr(test->name, argv[1]) == NULL) {
            continue;
        }
        failures = 0;
        printf("test %s ... ", test->name);
        fflush(stdout);
        test->run();
        if (failures == 0 && neo_debug_live(NEO_LIVE_ALL) != 0) {
            harness_fail(test->name, 0, "live objects", (long long)neo_debug_live(NEO_LIVE_ALL), 0);
            for (int32_t kind = 0; neo_debug_live(kind) != UINT64_MAX; kind++) {
                printf("kind %d: %d ", (int)kind, (int)neo_debug_live(kind));
            }
        }
        if (failures == 0) {
            printf("ok\n");
        } else {
            printf("\ntest %s ... FAILED\n", test->name);
        }
        passed += failures == 0;
        failed += failures != 0;
    }
    printf("\ntest result: %s. %d passed; %d failed; 0 ignored\n", failed == 0 ? "ok" : "FAILED",
           passed, failed);
    return failed != 0 || passed == 0;
}
