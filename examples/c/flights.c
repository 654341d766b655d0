/* A month of flights through Neo, in C: the part of `cargo xtask demo` that shows that C gets what
 * Rust gets.
 *
 *     flights FILE REPEATS
 *
 * Publishes every flight of FILE (examples/data/README.md, unpacked) REPEATS times, as fast as it
 * goes, to the same subscribers as the demo in Rust: one on all of JFK, a queue group of three on
 * everything, a view of the newest of each topic, and one that is too slow on purpose. The service
 * `delays` answers with the mean delay of a carrier. Prints one line of JSON: what each of them
 * counted.
 */
#define _POSIX_C_SOURCE 200809L
#include "readers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MEMBERS = 3 };

static const Role JFK = {"jfk", "flights.JFK.>", NULL, NEO_POLICY_BLOCK, 4096};
static const Role DESKS = {"desks", "flights.>", "desks", NEO_POLICY_BLOCK, 4096};
static const Role BOARD = {"board", "flights.>", NULL, NEO_POLICY_LATEST, TOPICS_MAX};
static const Role SLOW = {"slow", "flights.>", NULL, NEO_POLICY_DROP_OLDEST, 64};

static const char URL[] = "mem://flights";
static const int64_t SEND_TIMEOUT_NS = INT64_C(10000000000);

static Month month;
static neo_kernel_t *kernel;  /* of the publishers, the service and its callers */
static neo_kernel_t *readers; /* the subscribers' own open of it: closing it lets them finish */
static Sums jfk_sums = {.lock = PTHREAD_MUTEX_INITIALIZER};
static Sums desk_sums[MEMBERS] = {
    {.lock = PTHREAD_MUTEX_INITIALIZER},
    {.lock = PTHREAD_MUTEX_INITIALIZER},
    {.lock = PTHREAD_MUTEX_INITIALIZER},
};
static Flight newest[TOPICS_MAX]; /* what the view shows, in the order of the topics */
static uint8_t shown[TOPICS_MAX];
static uint64_t sent, sent_dropped, sent_timed_out;

static Reader jfk = {.role = &JFK, .sums = &jfk_sums};
static Reader desks[MEMBERS] = {
    {.role = &DESKS, .sums = &desk_sums[0]},
    {.role = &DESKS, .sums = &desk_sums[1]},
    {.role = &DESKS, .sums = &desk_sums[2]},
};
static Reader board = {.role = &BOARD}, slow = {.role = &SLOW};
static neo_service_t *service;
static pthread_t service_thread;
static neo_pub_t *publishers[TOPICS_MAX]; /* one for each topic */

static void start(pthread_t *thread, void *(*work)(void *), void *argument)
{
    if (pthread_create(thread, NULL, work, argument) != 0)
        fail("the system has no thread for it");
}

/* Takes what changed in the view since the last look. */
static void refresh(void)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_status_t status;
    neo_view_t view;
    while ((status = neo_try_recv(board.sub, &view, sizeof view, &err)) == NEO_OK) {
        size_t topic = month_topic(&month, view.topic.data, view.topic.len);
        if (topic == SIZE_MAX)
            fail("no flight is on %.*s", (int)view.topic.len, (const char *)view.topic.data);
        newest[topic] = flight_decode(view.data.data, view.data.len);
        shown[topic] = 1;
        reader_note(&board, &view);
        neo_msg_release(view.msg);
    }
    if (status != NEO_E_CLOSED)
        must(status, &err);
}

/* The service. */

static void answer(neo_request_t *request, neo_error_t *err)
{
    neo_request_view_t view;
    Delays sum = {0};
    Mean mean;
    must(neo_request_view(request, &view, sizeof view), err);
    if (view.method.len != 4 || memcmp(view.method.data, "mean", 4) != 0 || view.data.len != 2) {
        must(neo_reply_error(request, neo_str("it answers `mean` of a carrier"), err), err);
        return;
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        Delays delays;
        pthread_mutex_lock(&desk_sums[i].lock);
        delays = tally_carrier(&desk_sums[i].tally, (const char *)view.data.data);
        pthread_mutex_unlock(&desk_sums[i].lock);
        delays_merge(&sum, &delays);
    }
    if (sum.departed == 0) {
        must(neo_reply_error(request, neo_str("no flight of it departed so far"), err), err);
        return;
    }
    mean.minutes = (double)sum.minutes / (double)sum.departed;
    mean.departed = sum.departed;
    must(neo_reply(request, &mean, sizeof mean, err), err);
}

/* Works until the kernel closes. */
static void *serve(void *argument)
{
    (void)argument;
    neo_error_t err = NEO_ERROR_INIT;
    neo_request_t *request;
    neo_status_t status;
    while ((status = neo_service_recv(service, &request, NEO_FOREVER, &err)) == NEO_OK) {
        answer(request, &err);
        neo_request_release(request);
    }
    if (status != NEO_E_CLOSED)
        must(status, &err);
    return NULL;
}

/* The stage. */

static void open_all(void)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_pub_opts_t opts = NEO_PUB_OPTS_INIT;
    must(neo_kernel_open(neo_str(URL), NULL, &kernel, &err), &err);
    must(neo_kernel_open(neo_str(URL), NULL, &readers, &err), &err);
    reader_subscribe(&jfk, readers);
    start(&jfk.thread, reader_add_up, &jfk);
    for (size_t i = 0; i < MEMBERS; i++) {
        reader_subscribe(&desks[i], readers);
        start(&desks[i].thread, reader_add_up, &desks[i]);
    }
    reader_subscribe(&board, readers);
    reader_subscribe(&slow, readers);
    start(&slow.thread, reader_dawdle, &slow);
    must(neo_service_open(kernel, neo_str("delays"), NULL, &service, &err), &err);
    start(&service_thread, serve, NULL);
    opts.send_timeout_ns = SEND_TIMEOUT_NS;
    for (size_t i = 0; i < month.topic_count; i++)
        must(neo_pub_open(kernel, neo_str(month.topics[i]), &opts, &publishers[i], &err), &err);
}

static void publish(uint64_t repeats)
{
    neo_error_t err = NEO_ERROR_INIT;
    for (uint64_t repeat = 0; repeat < repeats; repeat++) {
        for (const Row *row = month.rows; row < month.rows + month.count; row++) {
            neo_publish_result_t one = NEO_PUBLISH_RESULT_INIT;
            must(neo_publish(publishers[row->topic_index], row->message, FLIGHT_BYTES, NULL, &one,
                             &err),
                 &err);
            sent += one.messages;
            sent_dropped += one.dropped;
            sent_timed_out += one.timed_out;
        }
        refresh();
    }
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* From the first publish until the last message was added up, in seconds. */
static double replay(uint64_t repeats)
{
    double began = seconds_now(), took;
    publish(repeats);
    neo_kernel_close(readers);
    pthread_join(jfk.thread, NULL);
    for (size_t i = 0; i < MEMBERS; i++)
        pthread_join(desks[i].thread, NULL);
    took = seconds_now() - began;
    refresh();
    reader_note_end(&board);
    pthread_join(slow.thread, NULL);
    return took;
}

static void release_all(void)
{
    neo_kernel_close(kernel);
    pthread_join(service_thread, NULL);
    for (size_t i = 0; i < month.topic_count; i++)
        neo_pub_release(publishers[i]);
    for (size_t i = 0; i < MEMBERS; i++)
        neo_sub_release(desks[i].sub);
    neo_sub_release(jfk.sub);
    neo_sub_release(board.sub);
    neo_sub_release(slow.sub);
    neo_service_release(service);
    neo_kernel_release(readers);
    neo_kernel_release(kernel);
    free(month.rows);
    if (neo_debug_live(NEO_LIVE_ALL) != 0)
        fail("%" PRIu64 " objects of Neo are left", neo_debug_live(NEO_LIVE_ALL));
}

/* The report. */

static void print_tally(const char *name, const Tally *tally)
{
    printf("\"%s\":{\"total\":", name);
    delays_print(&tally->total);
    printf(",\"carriers\":");
    entries_print(tally->carriers, CARRIERS_MAX);
    printf(",\"routes\":");
    entries_print(tally->routes, ROUTES_MAX);
    printf("},");
}

static void print_delay(int16_t delay)
{
    if (delay == MISSING)
        printf("null,");
    else
        printf("%d,", delay);
}

static void print_board(void)
{
    const char *comma = "";
    printf("\"board\":{");
    for (size_t i = 0; i < month.topic_count; i++) {
        if (!shown[i])
            continue;
        printf("%s\"%s\":[%" PRIu32 ",", comma, month.topics[i], newest[i].scheduled);
        print_delay(newest[i].departure_delay);
        print_delay(newest[i].arrival_delay);
        printf("%d]", newest[i].number);
        comma = ",";
    }
    printf("},");
}

/* What the kernel counted for a role, beside what its reader did. */
static void print_account(const neo_counters_t *counters, const Reader *reader)
{
    const Role *role = reader->role;
    neo_route_t route;
    for (size_t i = 0; neo_counters_route(counters, i, &route, sizeof route) == NEO_OK; i++) {
        if (route.policy == role->policy && (route.group.len != 0) == (role->group != NULL)
            && route.pattern.len == strlen(role->pattern)
            && memcmp(route.pattern.data, role->pattern, route.pattern.len) == 0) {
            printf("\"%s\":{\"received\":%" PRIu64 ",\"told_lost\":%" PRIu64 ",", role->name,
                   reader->received, reader->told_lost);
            printf("\"delivered\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"timed_out\":%" PRIu64
                   ",\"queued\":%" PRIu64 "}",
                   route.delivered, route.lost, route.timed_out, route.queued);
            return;
        }
    }
    fail("%s has no counters", role->name);
}

static void print_accounts(void)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_counters_t *counters = NULL;
    Reader group = {.role = &DESKS};
    for (size_t i = 0; i < MEMBERS; i++) {
        group.received += desks[i].received;
        group.told_lost += desks[i].told_lost;
    }
    must(neo_kernel_counters(kernel, &counters, &err), &err);
    printf("\"accounts\":{");
    const Reader *all[] = {&jfk, &group, &board, &slow};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        print_account(counters, all[i]);
        printf(i + 1 < sizeof all / sizeof *all ? "," : "}");
    }
    neo_counters_release(counters);
}

int main(int count, char **words)
{
    neo_error_t err = NEO_ERROR_INIT;
    char *end = NULL;
    uint64_t repeats = count == 3 ? strtoull(words[2], &end, 10) : 0;
    static Tally all;
    double seconds;
    if (repeats == 0 || *end != '\0')
        fail("usage: flights FILE REPEATS");
    must(neo_abi_check(NEO_ABI_MAJOR, NEO_ABI_MINOR, &err), &err);
    month = month_load(words[1]);
    open_all();
    seconds = replay(repeats);
    for (size_t i = 0; i < MEMBERS; i++)
        tally_merge(&all, &desk_sums[i].tally);
    printf("{\"published\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"timed_out\":%" PRIu64
           ",\"seconds\":%.6f,",
           sent, sent_dropped, sent_timed_out, seconds);
    print_tally("jfk", &jfk_sums.tally);
    print_tally("desks", &all);
    printf("\"means\":");
    means_print(kernel, &all);
    printf(",");
    print_board();
    print_accounts();
    printf("}\n");
    release_all();
    return 0;
}
