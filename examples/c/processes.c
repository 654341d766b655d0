/* A subscriber in a process of its own: a part of `cargo xtask demo`.
 *
 *     processes URL
 *
 * Adds up every flight on the kernel of URL, day by day. A publisher that takes the place of one
 * that was killed says from which day on it publishes again; what had come of that day is then
 * forgotten. At the end it calls the service `delays`, which a program in Python serves, for the
 * mean delay of each carrier, and prints one line of JSON.
 */
#include "delays.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DAYS = 31, MINUTES_PER_DAY = 24 * 60 };

static const int64_t limit_ns = 20 * INT64_C(1000000000);

static Tally days[DAYS];
static uint64_t received, lost;

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
        neo_status_t status = neo_recv(flights, &view, sizeof view, limit_ns, &err);
        must(status, &err);
        if (status != NEO_OK)
            fail("no flight came in time");
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

static void print_all(neo_kernel_t *kernel)
{
    static Tally all;
    for (size_t i = 0; i < DAYS; i++)
        tally_merge(&all, &days[i]);
    printf("{\"received\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"total\":", received, lost);
    delays_print(&all.total);
    printf(",\"carriers\":");
    entries_print(all.carriers, CARRIERS_MAX);
    printf(",\"means\":");
    means_print(kernel, &all);
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
