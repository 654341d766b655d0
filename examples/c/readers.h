/* The subscribers of flights.c: what each does with the messages that it receives. */
#ifndef READERS_H
#define READERS_H

#include "delays.h"

#include <pthread.h>

/* A subscription, or the three that form the group. */
typedef struct {
    const char *name, *pattern, *group; /* NULL: none */
    int32_t policy;
    uint32_t depth; /* of the view: topics */
} Role;

/* What a reader adds to while the service looks. */
typedef struct {
    pthread_mutex_t lock;
    Tally tally;
} Sums;

typedef struct {
    const Role *role;
    Sums *sums;           /* NULL for those that add nothing up */
    neo_kernel_t *kernel; /* the open that it was subscribed by */
    neo_sub_t *sub;
    pthread_t thread;
    uint64_t received, told_lost;
} Reader;

void reader_subscribe(Reader *reader, neo_kernel_t *kernel);
void reader_note(Reader *reader, const neo_view_t *view);
/* What was lost behind the last message. */
void reader_note_end(Reader *reader);

/* For threads, whose argument is the reader. Adds up every flight, a batch at a time, until the
 * kernel closes and nothing is left. */
void *reader_add_up(void *reader);
/* Takes a message, pauses, takes the next: too slow on purpose. It leaves what waits at the end. */
void *reader_dawdle(void *reader);

#endif
