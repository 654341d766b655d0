/** A neo_config_t that says nothing: the defaults. */
#define NEO_CONFIG_INIT                                                             \
    {(uint32_t)sizeof(neo_config_t), NEO_DEFAULT32, NEO_DEFAULT32, NEO_DEFAULT32, \
     NEO_DEFAULT64, NEO_DEFAULT_NS, 0, 0, {0, 0, 0, 0, 0, 0}}
/** A neo_pub_opts_t that says nothing. */
#define NEO_PUB_OPTS_INIT \
    {(uint32_t)sizeof(neo_pub_opts_t), 0, {0, 0, 0}, 0, NULL, 0, {NULL, 0}}
/** A neo_send_opts_t that says nothing. */
#define NEO_SEND_OPTS_INIT {(uint32_t)sizeof(neo_send_opts_t), 0, 0}
/** A neo_sub_opts_t that says nothing. */
#define NEO_SUB_OPTS_INIT                                                                \
    {(uint32_t)sizeof(neo_sub_opts_t), NEO_DEFAULT32, NEO_POLICY_DEFAULT,              \
     NEO_WAIT_ADAPTIVE, NEO_DEFAULT64, NEO_DEFAULT64, {NULL, 0}}
/** A neo_service_opts_t that says nothing. */
#define NEO_SERVICE_OPTS_INIT \
    {(uint32_t)sizeof(neo_service_opts_t), NEO_DEFAULT32, NEO_WAIT_ADAPTIVE, 0}
/** A neo_call_opts_t that says nothing. */
#define NEO_CALL_OPTS_INIT {(uint32_t)sizeof(neo_call_opts_t), 0, NEO_DEFAULT_NS}
/** A place for a result. */
#define NEO_PUBLISH_RESULT_INIT {(uint32_t)sizeof(neo_publish_result_t), 0, 0, 0, 0}
/** A place for counters. */
#define NEO_TOTALS_INIT {(uint32_t)sizeof(neo_totals_t), 0, 0, 0, 0, 0, 0}
/** A place for what a maintenance restored. */
#define NEO_RECLAIMED_INIT {(uint32_t)sizeof(neo_reclaimed_t), 0, 0, 0, 0, 0}
/** A place for an error. */
#define NEO_ERROR_INIT {(uint32_t)sizeof(neo_error_t), 0, 0, 0, {0}}

/** Bytes, as a slice. */
static inline neo_slice_t neo_slice(const void *data, size_t len)
{
    neo_slice_t slice;
    slice.data = (const uint8_t *)data;
    slice.len = len;
    return slice;
}

/** Text that ends in NUL, as a slice. */
static inline neo_slice_t neo_str(const char *text)
{
    return neo_slice(text, strlen(text));
}

#ifdef __cplusplus
}
#endif

#endif /* NEO_H */
