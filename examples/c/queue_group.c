/* A queue group: each message goes to one of the members, whichever is free.
 *
 *     cc queue_group.c $(pkg-config --cflags --libs neo) -lpthread && ./a.out
 */
#include <neo.h>
#include <pthread.h>
#include <stdio.h>

enum { MEMBERS = 3, BAGS = 300 };

typedef struct {
    neo_sub_t *bags;
    pthread_t thread;
    unsigned done;
} member_t;

/* Receives what is queued, until the kernel is closed. */
static void *unload(void *argument)
{
    member_t *member = (member_t *)argument;
    neo_view_t bag;
    while (neo_recv(member->bags, &bag, sizeof bag, NEO_FOREVER, NULL) == NEO_OK) {
        neo_msg_release(bag.msg);
        member->done++;
    }
    neo_sub_release(member->bags);
    return NULL;
}

/* Publishes; says what went wrong. */
static neo_status_t publish_bags(neo_kernel_t *kernel, neo_error_t *err)
{
    neo_status_t status = NEO_OK;
    for (uint32_t bag = 1; bag <= BAGS && status == NEO_OK; bag++) {
        status = neo_publish_to(kernel, neo_str("bags.JFK"), &bag, sizeof bag, NULL, err);
    }
    return status;
}

int main(void)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_sub_opts_t opts = NEO_SUB_OPTS_INIT;
    neo_kernel_t *kernel = NULL;
    member_t members[MEMBERS] = {{0}};
    unsigned done = 0, joined = 0;
    neo_status_t status = neo_kernel_open(neo_str("mem://"), NULL, &kernel, &err);

    opts.group = neo_str("belt");
    while (status == NEO_OK && joined < MEMBERS) {
        member_t *member = &members[joined];
        status = neo_sub_open(kernel, neo_str("bags.*"), &opts, &member->bags, &err);
        if (status == NEO_OK && pthread_create(&member->thread, NULL, unload, member) != 0) {
            neo_sub_release(member->bags);
            break;
        }
        joined += status == NEO_OK;
    }
    if (status == NEO_OK) {
        status = publish_bags(kernel, &err);
    }
    /* Members receive what is queued, then learn that the kernel is closed. */
    neo_kernel_close(kernel);
    for (unsigned i = 0; i < joined; i++) {
        pthread_join(members[i].thread, NULL);
        done += members[i].done;
    }
    neo_kernel_release(kernel);
    if (status != NEO_OK) {
        fprintf(stderr, "%s: %s\n", neo_status_name(status), err.msg);
        return 1;
    }
    printf("%u bags by %u members\n", done, joined);
    return 0;
}
