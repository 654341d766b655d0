/* What the demo's programs share of Neo: how errors end them, and who calls the service `delays`. */
#ifndef DELAYS_H
#define DELAYS_H

#include "month.h"

#include <neo.h>

/* The answer to `mean`. */
typedef struct {
    double minutes;
    uint64_t departed; /* flights that it is the mean of */
} Mean;

/* Ends the program if a step failed. */
void must(neo_status_t status, const neo_error_t *err);

/* JSON on stdout: what the service says of each carrier. It has no mean of those that never
 * departed; nothing is printed of any if nobody serves it. */
void means_print(neo_kernel_t *kernel, const Tally *tally);

#endif
