#define _POSIX_C_SOURCE 200809L
#include "readers.h"

#include <time.h>

enum { BATCH = 256 };

static const struct timespec SLOW_PAUSE = {0, 1000000};

void reader_subscribe(Reader *reader, neo_kernel_t *kernel)
{
    neo_sub_opts_t opts = NEO_SUB_OPTS_INIT;
    neo_error_t err = NEO_ERROR_INIT;
    opts.depth = reader->role->depth;
    opts.policy = reader->role->policy;
    if (reader->role->group != NULL)
        opts.group = neo_str(reader->role->group);
    reader->kernel = kernel;
    must(neo_sub_open(kernel, neo_str(reader->role->pattern), &opts, &reader->sub, &err), &err);
}

void reader_note(Reader *reader, const neo_view_t *view)
{
    reader->received += 1;
    reader->told_lost += view->lost_before;
}

void reader_note_end(Reader *reader)
{
    neo_error_t err = NEO_ERROR_INIT;
    uint64_t lost = 0;
    must(neo_sub_take_lost(reader->sub, &lost, &err), &err);
    reader->told_lost += lost;
}

void *reader_add_up(void *argument)
{
    Reader *reader = argument;
    neo_view_t views[BATCH];
    neo_error_t err = NEO_ERROR_INIT;
    neo_batch_t *batch;
    neo_status_t status;
    size_t n;
    while ((status = neo_borrow_batch(reader->sub, views, sizeof *views, BATCH, &n, &batch,
                                      NEO_FOREVER, &err)) == NEO_OK) {
        pthread_mutex_lock(&reader->sums->lock);
        for (size_t i = 0; i < n; i++) {
            Flight flight = flight_decode(views[i].data.data, views[i].data.len);
            reader_note(reader, &views[i]);
            tally_add(&reader->sums->tally, &flight);
        }
        pthread_mutex_unlock(&reader->sums->lock);
        neo_batch_release(batch);
    }
    if (status != NEO_E_CLOSED)
        must(status, &err);
    reader_note_end(reader);
    return NULL;
}

void *reader_dawdle(void *argument)
{
    Reader *reader = argument;
    neo_error_t err = NEO_ERROR_INIT;
    neo_view_t view;
    while (!neo_kernel_is_closed(reader->kernel)) {
        neo_status_t status = neo_recv(reader->sub, &view, sizeof view, NEO_FOREVER, &err);
        if (status == NEO_E_CLOSED)
            break;
        must(status, &err);
        flight_decode(view.data.data, view.data.len);
        reader_note(reader, &view);
        neo_msg_release(view.msg);
        nanosleep(&SLOW_PAUSE, NULL);
    }
    reader_note_end(reader);
    return NULL;
}
