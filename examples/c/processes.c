/* A subscriber in a process of its own: a part of `cargo xtask demo`.
 *
 *     processes URL
 *
 * Adds up every flight on the kernel of URL, day by day. A publisher that takes the place of one
 * that was killed says from which day on it publishes again; what had come of that day is then
 * forgotten. At the end it calls the service `delays`, which a program in Python serves, for the
 * mean delay of each carrier, and prints one line of JSON.
 */
#include "month.h"

#include <inttypes.h>
#include <neo.h>
#include <stdio.h>
#include <string.h>

enum { DAYS = 31, MINUTES_PER_DAY = 24 * 60 };

static const int64_t limit_ns = 20 * INT64_C(1000000000);

static Tally days[DAYS];
static uint64_t received, lost;

static void must(neo_status_t status, const neo_error_t *err)
{
    if (status != NEO_OK)
        fail("%s: %.*s", neo_status_name(status), (int)err->len, err->msg);
}

static int is_text(neo_slice_t slice, const char *text)
{
    return slice.len == strlen(text) && memcmp(slice.data, text, slice.len) == 0;
}

/* Forgets what came of a day and of those after it. */
static void begin_again(neo_slice_t day)
{
    if (day.len != 1 || day.data[0] >= DAYS)
        fail("there is no such day");
    for (size_t i = day.data[0]; i < DAYS; i++)
        memset(&days[i], 0, sizeof days[i]);
}

static void add_up(neo_sub_t *flights)
{
    for (int is_end = 0; !is_end;) {
        neo_error_t err = NEO_ERROR_INIT;
        neo_view_t view;
        must(neo_recv(flights, &view, sizeof view, limit_ns, &err), &err);
        lost += view.lost_before;
        is_end = is_text(view.topic, "flights.end");
        if (is_text(view.topic, "flights.again")) {
            begin_again(view.data);
        } else if (!is_end) {
            Flight flight = flight_decode(view.data.data, view.data.len);
            if (flight.scheduled >= DAYS * MINUTES_PER_DAY)
                fail("minute %" PRIu32 " is not in the month", flight.scheduled);
            tally_add(&days[flight.scheduled / MINUTES_PER_DAY], &flight);
            received++;
        }
        neo_msg_release(view.msg);
    }
}

static void print_sums(const Delays *sums)
{
    printf("[%" PRIu64 ",%" PRIu64 ",%" PRId64 "]", sums->flights, sums->departed, sums->minutes);
}

/* What the service in the other process says of each carrier; nothing if nobody serves it. */
static void print_means(neo_kernel_t *kernel, const Tally *tally)
{
    const char *comma = "";
    printf("\"means\":{");
    for (size_t i = 0; i < CARRIERS_MAX; i++) {
        const char *name = tally->carriers[i].name;
        neo_error_t err = NEO_ERROR_INIT;
        neo_call_opts_t opts = NEO_CALL_OPTS_INIT;
        neo_view_t reply;
        double minutes;
        uint64_t departed;
        if (name[0] == '\0')
            continue;
        opts.timeout_ns = limit_ns;
        neo_status_t status = neo_call(kernel, neo_str("delays"), neo_str("mean"), name, 2, &opts,
                                       &reply, sizeof reply, &err);
        if (status == NEO_E_NO_RESPONDER)
            break;
        must(status, &err);
        if (reply.data.len != sizeof minutes + sizeof departed)
            fail("an answer must have 16 bytes");
        memcpy(&minutes, reply.data.data, sizeof minutes);
        memcpy(&departed, reply.data.data + sizeof minutes, sizeof departed);
        neo_msg_release(reply.msg);
        printf("%s\"%.2s\":[%.17g,%" PRIu64 "]", comma, name, minutes, departed);
        comma = ",";
    }
    printf("}");
}

static void print_all(neo_kernel_t *kernel)
{
    static Tally all;
    const char *comma = "";
    for (size_t i = 0; i < DAYS; i++)
        tally_merge(&all, &days[i]);
    printf("{\"received\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"total\":", received, lost);
    print_sums(&all.total);
    printf(",\"carriers\":{");
    for (size_t i = 0; i < CARRIERS_MAX; i++) {
        if (all.carriers[i].name[0] != '\0') {
            printf("%s\"%.2s\":", comma, all.carriers[i].name);
            print_sums(&all.carriers[i].delays);
            comma = ",";
        }
    }
    printf("},");
    print_means(kernel, &all);
    printf("}\n");
}

int main(int count, char **words)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_sub_opts_t opts = NEO_SUB_OPTS_INIT;
    neo_kernel_t *kernel = NULL;
    neo_sub_t *flights = NULL;
    if (count != 2)
        fail("usage: processes URL");
    opts.policy = NEO_POLICY_BLOCK;
    opts.depth = 4096;
    must(neo_abi_check(NEO_ABI_MAJOR, NEO_ABI_MINOR, &err), &err);
    must(neo_kernel_open(neo_str(words[1]), NULL, &kernel, &err), &err);
    must(neo_sub_open(kernel, neo_str("flights.>"), &opts, &flights, &err), &err);
    printf("ready\n");
    fflush(stdout);
    add_up(flights);
    print_all(kernel);
    neo_sub_release(flights);
    neo_kernel_release(kernel);
    return 0;
}
