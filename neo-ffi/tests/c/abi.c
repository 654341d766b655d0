/* Versions, texts, the table of functions. */
#include "harness.h"

TEST(the_header_fits_the_library)
{
    neo_error_t err = NEO_ERROR_INIT;
    EQUAL(neo_abi_version(), NEO_ABI_MAJOR << 16 | NEO_ABI_MINOR);
    OK(neo_abi_check(NEO_ABI_MAJOR, NEO_ABI_MINOR, &err));
    EQUAL(neo_abi_check(NEO_ABI_MAJOR + 1, 0, &err), NEO_E_VERSION);
    EQUAL(err.code, NEO_E_VERSION);
    EQUAL(err.len, strlen(err.msg));
    EQUAL(neo_abi_check(NEO_ABI_MAJOR, NEO_ABI_MINOR + 1, NULL), NEO_E_VERSION);
    CHECK(strchr(neo_version(), '.') != NULL);
}

TEST(every_status_has_a_name_and_a_text)
{
    CHECK(strcmp(neo_status_name(NEO_E_CLOSED), "NEO_E_CLOSED") == 0);
    CHECK(strcmp(neo_status_name(NEO_ALREADY_READY), "NEO_ALREADY_READY") == 0);
    for (int32_t status = NEO_E_VERSION; status <= NEO_ALREADY_READY; status++) {
        CHECK(strcmp(neo_status_name(status), "NEO_E_UNKNOWN") != 0);
        CHECK(strlen(neo_status_str(status)) > 3);
    }
    CHECK(strcmp(neo_status_name(INT32_MIN), "NEO_E_UNKNOWN") == 0);
    CHECK(strlen(neo_status_str(INT32_MAX)) > 3);
}

TEST(kinds_of_live_objects_are_known_and_others_are_told)
{
    EQUAL(neo_debug_live(NEO_LIVE_COUNTERS), 0);
    CHECK(neo_debug_live(NEO_LIVE_COUNTERS + 1) == UINT64_MAX);
    CHECK(neo_debug_live(-2) == UINT64_MAX);
}

TEST(the_table_calls_the_same_functions)
{
    const neo_api_t *api = neo_api();
    neo_kernel_t *kernel = NULL;
    neo_sub_t *sub = NULL;
    neo_view_t view;
    EQUAL(api->struct_size, sizeof(neo_api_t));
    EQUAL(api->abi, neo_abi_version());
    CHECK(api->abi_version == neo_abi_version);
    CHECK(api->publish == neo_publish);
    CHECK(api->recv_batch == neo_recv_batch);
    CHECK(api->call == neo_call);
    CHECK(api->poller_release == neo_poller_release);
    OK(api->kernel_open(neo_str("mem://"), NULL, &kernel, NULL));
    OK(api->sub_open(kernel, neo_str("t"), NULL, &sub, NULL));
    OK(api->publish_to(kernel, neo_str("t"), "x", 1, NULL, NULL));
    OK(api->try_recv(sub, &view, sizeof view, NULL));
    CHECK(is_text(view.data, "x"));
    api->msg_release(view.msg);
    api->sub_release(sub);
    api->kernel_release(kernel);
}

TEST(an_error_names_the_value_and_fits_its_struct)
{
    char name[1000];
    neo_kernel_t *kernel = NULL;
    neo_error_t err = NEO_ERROR_INIT;
    memset(name, 'x', sizeof name);
    memcpy(name, "mem://", 6);
    EQUAL(neo_kernel_open(neo_slice(name, sizeof name), NULL, &kernel, &err), NEO_E_INVALID);
    EQUAL(err.code, NEO_E_INVALID);
    CHECK(err.len < sizeof err.msg);
    EQUAL(err.msg[err.len], 0);
    EQUAL(neo_kernel_open(neo_str("ftp://x"), NULL, &kernel, &err), NEO_E_INVALID);
    CHECK(strstr(err.msg, "ftp") != NULL);
    CHECK(kernel == NULL);
}

TEST(an_error_of_a_wrong_size_is_not_written)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_kernel_t *kernel = NULL;
    err.struct_size = 8;
    EQUAL(neo_kernel_open(neo_str("ftp://x"), NULL, &kernel, &err), NEO_E_INVALID);
    EQUAL(err.code, 0);
    EQUAL(err.msg[0], 0);
}
