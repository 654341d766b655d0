/* Loans: a large message is written once, in the kernel's memory, and every reader reads it there.
 *
 *     cc loans.c $(pkg-config --cflags --libs neo) && ./a.out
 */
#include <neo.h>
#include <stdio.h>

enum { SAMPLES = 1 << 16 };

/* Writes a sweep where the readers will read it, and gives up a second one. */
static neo_status_t send_sweep(neo_pub_t *publisher, neo_error_t *err)
{
    neo_loan_t *sweep = NULL;
    uint8_t *samples = NULL;
    neo_status_t status = neo_loan(publisher, SAMPLES, &sweep, &samples, err);
    if (status != NEO_OK) {
        return status;
    }
    for (size_t at = 0; at < SAMPLES; at++) {
        samples[at] = (uint8_t)at;
    }
    status = neo_loan_commit(sweep, NULL, err);
    if (status == NEO_OK) {
        status = neo_loan(publisher, SAMPLES, &sweep, &samples, err);
    }
    if (status == NEO_OK) {
        neo_loan_abort(sweep);
    }
    return status;
}

int main(void)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_kernel_t *kernel = NULL;
    neo_pub_t *publisher = NULL;
    neo_sub_t *one = NULL, *all = NULL;
    neo_view_t first, second;
    uint64_t left_one = 0, left_all = 0;

    if (neo_kernel_open(neo_str("mem://"), NULL, &kernel, &err) != NEO_OK ||
        neo_sub_open(kernel, neo_str("radar.sweep"), NULL, &one, &err) != NEO_OK ||
        neo_sub_open(kernel, neo_str("radar.>"), NULL, &all, &err) != NEO_OK ||
        neo_pub_open(kernel, neo_str("radar.sweep"), NULL, &publisher, &err) != NEO_OK ||
        send_sweep(publisher, &err) != NEO_OK ||
        neo_recv(one, &first, sizeof first, NEO_FOREVER, &err) != NEO_OK ||
        neo_recv(all, &second, sizeof second, NEO_FOREVER, &err) != NEO_OK ||
        neo_sub_queued(one, &left_one, &err) != NEO_OK ||
        neo_sub_queued(all, &left_all, &err) != NEO_OK) {
        fprintf(stderr, "%s: %s\n", neo_status_name(err.code), err.msg);
        return 1;
    }
    printf("%lu bytes, the last is %d\n", (unsigned long)first.data.len,
           first.data.data[SAMPLES - 1]);
    printf("both readers read the same memory: %s\n",
           first.data.data == second.data.data ? "true" : "false");
    printf("left in the queues: %lu\n", (unsigned long)(left_one + left_all));

    neo_msg_release(first.msg);
    neo_msg_release(second.msg);
    neo_pub_release(publisher);
    neo_sub_release(one);
    neo_sub_release(all);
    neo_kernel_release(kernel);
    return 0;
}
