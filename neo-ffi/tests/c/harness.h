/* A test is a function; what it checks and does not hold ends it. After each test nothing may live. */
#ifndef HARNESS_H
#define HARNESS_H

#include "neo.h"

#include <stdio.h>

typedef struct test {
    const char *name;
    void (*run)(void);
    struct test *next;
} test_t;

void harness_add(test_t *test);
void harness_fail(const char *file, int line, const char *what, long long got, long long wanted);

#define TEST(name)                                                        \
    static void name(void);                                               \
    __attribute__((constructor)) static void name##_add(void)             \
    {                                                                     \
        static test_t test = {#name, name, NULL};                         \
        harness_add(&test);                                               \
    }                                                                     \
    static void name(void)

/* Ends the test, or the helper that it stands in, if `condition` does not hold. */
#define CHECK(condition) CHECK_OR(condition, return)
#define CHECK_OR(condition, leave)                                        \
    do {                                                                  \
        if (!(condition)) {                                               \
            harness_fail(__FILE__, __LINE__, #condition, 0, 1);           \
            leave;                                                        \
        }                                                                 \
    } while (0)

#define EQUAL(got, wanted)                                                \
    do {                                                                  \
        long long got_ = (long long)(got), wanted_ = (long long)(wanted); \
        if (got_ != wanted_) {                                            \
            harness_fail(__FILE__, __LINE__, #got, got_, wanted_);        \
            return;                                                       \
        }                                                                 \
    } while (0)

#define OK(call) EQUAL(call, NEO_OK)

#define SECONDS(n) ((int64_t)(n) * 1000000000)
#define VIEW sizeof(neo_view_t)

/* A private kernel, whose calls wait for a minute; NULL, and a failed test, if there is none. */
neo_kernel_t *open_kernel(void);
neo_pub_t *open_pub(neo_kernel_t *kernel, const char *topic);
neo_sub_t *open_sub(neo_kernel_t *kernel, const char *pattern, uint32_t depth, int32_t policy);
neo_service_t *open_service(neo_kernel_t *kernel, const char *name);
/* Ends a forked child by another program: what a child leaks on purpose no leak checker reports. */
void leave_child(int status);
int is_text(neo_slice_t slice, const char *text);

#endif
