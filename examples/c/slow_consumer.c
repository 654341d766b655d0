/* Slow consumers: each subscription says what happens when it is full, and losses are told.
 *
 *     cc slow_consumer.c $(pkg-config --cflags --libs neo) && ./a.out
 */
#include <neo.h>
#include <stdio.h>

enum { READERS = 3, TICKS = 10 };

static const char *const names[READERS] = {"DropOldest", "DropNewest", "Latest"};
static const int32_t policies[READERS] = {NEO_POLICY_DROP_OLDEST, NEO_POLICY_DROP_NEWEST,
                                          NEO_POLICY_LATEST};

/* Prints what a reader received and lost; how much it lost. */
static unsigned long long read_ticks(const char *policy, neo_sub_t *reader)
{
    unsigned long long lost = 0;
    uint64_t untold = 0;
    neo_view_t tick;
    const char *comma = "";
    printf("%s: received [", policy);
    while (neo_try_recv(reader, &tick, sizeof tick, NULL) == NEO_OK) {
        lost += tick.lost_before;
        printf("%s%d", comma, tick.data.data[0]);
        comma = ", ";
        neo_msg_release(tick.msg);
    }
    neo_sub_take_lost(reader, &untold, NULL);
    lost += untold;
    printf("], lost %llu\n", lost);
    return lost;
}

int main(void)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_kernel_t *kernel = NULL;
    neo_sub_t *readers[READERS] = {NULL};
    unsigned long long dropped = 0, told = 0;
    neo_status_t status = neo_kernel_open(neo_str("mem://"), NULL, &kernel, &err);

    for (int i = 0; i < READERS && status == NEO_OK; i++) {
        neo_sub_opts_t opts = NEO_SUB_OPTS_INIT;
        opts.depth = 4;
        opts.policy = policies[i];
        status = neo_sub_open(kernel, neo_str("ticks"), &opts, &readers[i], &err);
    }
    for (uint8_t tick = 1; tick <= TICKS && status == NEO_OK; tick++) {
        neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
        status = neo_publish_to(kernel, neo_str("ticks"), &tick, 1, &result, &err);
        dropped += result.dropped;
    }
    for (int i = 0; i < READERS && status == NEO_OK; i++) {
        told += read_ticks(names[i], readers[i]);
    }
    for (int i = 0; i < READERS; i++) {
        neo_sub_release(readers[i]);
    }
    neo_kernel_release(kernel);
    if (status != NEO_OK) {
        fprintf(stderr, "%s: %s\n", neo_status_name(status), err.msg);
        return 1;
    }
    printf("the publisher was told of %llu losses, the readers of %llu\n", dropped, told);
    return 0;
}
