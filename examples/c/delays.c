#include "delays.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const int64_t limit_ns = 20 * INT64_C(1000000000);

void must(neo_status_t status, const neo_error_t *err)
{
    if (status < NEO_OK)
        fail("%s: %.*s", neo_status_name(status), (int)err->len, err->msg);
}

/* NEO_OK with the mean, or what the service has against it. */
static neo_status_t ask(neo_kernel_t *kernel, const char carrier[2], Mean *mean)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_call_opts_t opts = NEO_CALL_OPTS_INIT;
    neo_view_t reply;
    neo_status_t status;
    opts.timeout_ns = limit_ns;
    status = neo_call(kernel, neo_str("delays"), neo_str("mean"), carrier, 2, &opts, &reply,
                      sizeof reply, &err);
    if (status == NEO_E_SERVICE || status == NEO_E_NO_RESPONDER)
        return status;
    must(status, &err);
    if (reply.data.len != sizeof *mean)
        fail("an answer must have %zu bytes, and not %zu", sizeof *mean, reply.data.len);
    memcpy(mean, reply.data.data, sizeof *mean);
    neo_msg_release(reply.msg);
    return NEO_OK;
}

void means_print(neo_kernel_t *kernel, const Tally *tally)
{
    neo_status_t status = NEO_OK;
    const char *comma = "";
    putchar('{');
    for (size_t i = 0; i < CARRIERS_MAX && status != NEO_E_NO_RESPONDER; i++) {
        const char *name = tally->carriers[i].name;
        Mean mean;
        if (name[0] == '\0' || (status = ask(kernel, name, &mean)) != NEO_OK)
            continue;
        printf("%s\"%.2s\":[%.17g,%" PRIu64 "]", comma, name, mean.minutes, mean.departed);
        comma = ",";
    }
    putchar('}');
}
