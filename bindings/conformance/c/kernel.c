/* Kernels, publishing and receiving. */
#include "world.h"

#include <stdlib.h>

static uint32_t number32(const fields_t *step, const char *key)
{
    uint64_t value = number(step, key, NEO_DEFAULT32);
    return value > NEO_DEFAULT32 ? NEO_DEFAULT32 - 1 : (uint32_t)value;
}

static void open_kernel(world_t *world, const fields_t *step, fields_t *seen)
{
    neo_config_t config = NEO_CONFIG_INIT;
    neo_error_t err = NEO_ERROR_INIT;
    neo_kernel_t *kernel = NULL;
    text_t url = text_of("", 0);
    if (field(step, "url") != NULL) {
        text_add(&url, field(step, "url")->data, field(step, "url")->len);
    } else {
        text_print(&url, "%s://", world->scheme);
        if (field(step, "name") != NULL) {
            text_add(&url, field(step, "name")->data, field(step, "name")->len);
        } else if (strcmp(world->scheme, "mem") != 0) {
            text_print(&url, "%s", world->id);
        }
    }
    config.memory_bytes_max = number(step, "memory_bytes_max", NEO_DEFAULT64);
    config.subscriptions_max = number32(step, "subscriptions_max");
    config.participants_max = number32(step, "participants_max");
    config.calls_in_flight_max = number32(step, "calls_in_flight_max");
    config.existing_only = number(step, "existing_only", 0) != 0;
    config.call_timeout_ns = (int64_t)number(step, "call_timeout_ns", LIMIT_NS);
    if (succeeded(seen, neo_kernel_open(neo_slice(url.data, url.len), &config, &kernel, &err), &err)) {
        keep(world, word(step, "as", "k"), KERNEL, kernel);
    }
    free(url.data);
}

static void counters(neo_kernel_t *kernel, world_t *world, const fields_t *step, fields_t *seen)
{
    neo_slice_t pattern = slice_of(step, "pattern"), group = slice_of(step, "group");
    neo_counters_t *counters = NULL;
    neo_route_t route, found = {.depth = 0};
    int count = 0;
    neo_kernel_counters(kernel, &counters, NULL);
    for (size_t i = 0; neo_counters_route(counters, i, &route, sizeof route) == NEO_OK; i++) {
        if (route.pattern.len == pattern.len && route.group.len == group.len &&
            memcmp(route.pattern.data, pattern.data, pattern.len) == 0 &&
            (group.len == 0 || memcmp(route.group.data, group.data, group.len) == 0)) {
            found = route;
            count++;
        }
    }
    if (count > 1) {
        broken(world, "there are several `%s`", word(step, "pattern", ""));
    } else if (count == 0) {
        observe(seen, "none", "true");
    } else {
        observe(seen, "depth", "%llu", (unsigned long long)found.depth);
        observe(seen, "accepted", "%llu", (unsigned long long)found.accepted);
        observe(seen, "delivered", "%llu", (unsigned long long)found.delivered);
        observe(seen, "lost", "%llu", (unsigned long long)found.lost);
        observe(seen, "timed_out", "%llu", (unsigned long long)found.timed_out);
        observe(seen, "queued", "%llu", (unsigned long long)found.queued);
    }
    neo_counters_release(counters);
}

static neo_totals_t totals_of(neo_kernel_t *kernel)
{
    neo_totals_t totals = NEO_TOTALS_INIT;
    neo_counters_t *counters = NULL;
    neo_kernel_counters(kernel, &counters, NULL);
    neo_counters_totals(counters, &totals);
    neo_counters_release(counters);
    return totals;
}

static void name(world_t *world, const fields_t *step, fields_t *seen)
{
    neo_slice_t text = neo_slice(NULL, 0);
    const char *of = word(step, "of", "");
    for (size_t i = 0; i < world->count; i++) {
        handle_t *handle = &world->handles[i];
        if (strcmp(handle->name, of) == 0) {
            switch (handle->kind) {
            case PUBLISHER: neo_pub_topic(handle->it, &text); break;
            case SUBSCRIPTION: neo_sub_pattern(handle->it, &text); break;
            case SERVICE: neo_service_name(handle->it, &text); break;
            default: break;
            }
        }
    }
    if (text.data == NULL) {
        broken(world, "`%s` has no name", of);
        return;
    }
    observe_bytes(seen, "name", text.data, text.len);
}

int run_kernel(world_t *world, const char *op, const fields_t *step, fields_t *seen)
{
    neo_error_t err = NEO_ERROR_INIT;
    uint64_t freed = 0;
    if (strcmp(op, "open") == 0) {
        open_kernel(world, step, seen);
    } else if (strcmp(op, "close") == 0) {
        succeeded(seen, neo_kernel_close(get(world, step, "of", KERNEL)), &err);
    } else if (strcmp(op, "is_closed") == 0) {
        neo_kernel_t *kernel = get(world, step, "of", KERNEL);
        observe(seen, "closed", "%s", neo_kernel_is_closed(kernel) ? "true" : "false");
    } else if (strcmp(op, "trim") == 0) {
        if (succeeded(seen, neo_kernel_trim(kernel_of(world, step), &freed, &err), &err)) {
            observe(seen, "freed", "%s", freed > 0 ? "true" : "false");
        }
    } else if (strcmp(op, "memory") == 0) {
        neo_kernel_trim(kernel_of(world, step), NULL, NULL);
        neo_totals_t totals = totals_of(kernel_of(world, step));
        observe(seen, "in_use", "%s", totals.memory_bytes > 0 ? "true" : "false");
    } else if (strcmp(op, "counters") == 0) {
        counters(kernel_of(world, step), world, step, seen);
    } else if (strcmp(op, "kernel_counters") == 0) {
        neo_totals_t totals = totals_of(kernel_of(world, step));
        observe(seen, "routes", "%llu", (unsigned long long)totals.routes);
        observe(seen, "late_replies", "%llu", (unsigned long long)totals.late_replies);
    } else if (strcmp(op, "name") == 0) {
        name(world, step, seen);
    } else {
        return 0;
    }
    return 1;
}
