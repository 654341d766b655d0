/* An addon that uses the kernel of its host: it gets an External that holds a `neo_capsule_t`. */
#include <node_api.h>
#include <string.h>

#include "neo.h"

/* The capsule of the first argument, or NULL with an exception pending. */
static const neo_capsule_t *capsule_of(napi_env env, napi_callback_info info)
{
    napi_value argument;
    size_t count = 1;
    void *value = NULL;
    if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok || count != 1 ||
        napi_get_value_external(env, argument, &value) != napi_ok) {
        napi_throw_type_error(env, NULL, "pass kernel.external()");
        return NULL;
    }
    const neo_capsule_t *capsule = value;
    if (capsule->struct_size < sizeof *capsule || capsule->api->abi >> 16 != NEO_ABI_MAJOR) {
        napi_throw_error(env, NULL, "a capsule of another version");
        return NULL;
    }
    return capsule;
}

static napi_value number(napi_env env, int32_t value)
{
    napi_value result = NULL;
    napi_create_int32(env, value, &result);
    return result;
}

/* Publishes "hello" to "from.c": how many mailboxes took it, or the negative status. */
static napi_value publish(napi_env env, napi_callback_info info)
{
    const neo_capsule_t *capsule = capsule_of(env, info);
    if (capsule == NULL)
        return NULL;
    static const char NAME[] = "from.c";
    neo_slice_t topic = {(const uint8_t *)NAME, sizeof NAME - 1};
    neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
    neo_error_t error = NEO_ERROR_INIT;
    neo_status_t status =
        capsule->api->publish_to(capsule->kernel, topic, "hello", 5, &result, &error);
    return number(env, status == NEO_OK ? (int32_t)result.accepted : status);
}

napi_value napi_register_module_v1(napi_env env, napi_value exports)
{
    napi_value function;
    napi_create_function(env, "publish", NAPI_AUTO_LENGTH, publish, NULL, &function);
    napi_set_named_property(env, exports, "publish", function);
    return exports;
}
