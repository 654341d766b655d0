/* A file whose first and only include is the header, twice. */
#include "neo.h"
#include "neo.h"

static const neo_config_t config = NEO_CONFIG_INIT;
static const neo_pub_opts_t pub_opts = NEO_PUB_OPTS_INIT;
static const neo_send_opts_t send_opts = NEO_SEND_OPTS_INIT;
static const neo_sub_opts_t sub_opts = NEO_SUB_OPTS_INIT;
static const neo_service_opts_t service_opts = NEO_SERVICE_OPTS_INIT;
static const neo_call_opts_t call_opts = NEO_CALL_OPTS_INIT;
static const neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
static const neo_totals_t totals = NEO_TOTALS_INIT;
static const neo_error_t err = NEO_ERROR_INIT;

uint32_t sizes(void);

uint32_t sizes(void)
{
    return config.struct_size + pub_opts.struct_size + send_opts.struct_size +
           sub_opts.struct_size + service_opts.struct_size + call_opts.struct_size +
           result.struct_size + totals.struct_size + err.struct_size;
}
