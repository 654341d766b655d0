/* Runs the cases of a file in the line form against the C interface: see ../README.md. */
#include "world.h"

#include <stdlib.h>

void broken(world_t *world, const char *format, const char *name)
{
    if (world->broken.data == NULL) {
        text_print(&world->broken, format, name);
    }
}

handle_t *find(world_t *world, const char *name, kind_t kind)
{
    for (size_t i = 0; i < world->count; i++) {
        if (strcmp(world->handles[i].name, name) == 0) {
            if (world->handles[i].kind != kind) {
                broken(world, "`%s` is of another kind", name);
                return NULL;
            }
            return &world->handles[i];
        }
    }
    broken(world, "there is no `%s`", name);
    return NULL;
}

void *get(world_t *world, const fields_t *step, const char *key, kind_t kind)
{
    handle_t *handle = find(world, word(step, key, key), kind);
    return handle == NULL ? NULL : handle->it;
}

neo_kernel_t *kernel_of(world_t *world, const fields_t *step)
{
    handle_t *handle = find(world, word(step, "kernel", "k"), KERNEL);
    return handle == NULL ? NULL : handle->it;
}

handle_t *keep(world_t *world, const char *name, kind_t kind, void *it)
{
    text_t full = text_of(name, strlen(name));
    if (world->turn >= 0) {
        text_print(&full, "-%ld", world->turn);
    }
    for (size_t i = 0; i < world->count; i++) {
        if (strcmp(world->handles[i].name, full.data) == 0) {
            broken(world, "`%s` is in use", full.data);
        }
    }
    world->handles = need(realloc(world->handles, (world->count + 1) * sizeof(handle_t)));
    handle_t *handle = &world->handles[world->count++];
    *handle = (handle_t){full.data, kind, it, NULL, 0};
    return handle;
}

void forget(world_t *world, handle_t *handle)
{
    size_t at = (size_t)(handle - world->handles);
    free(handle->name);
    world->count--;
    memmove(handle, handle + 1, (world->count - at) * sizeof(handle_t));
}

void give_back(handle_t *handle)
{
    switch (handle->kind) {
    case KERNEL: neo_kernel_release(handle->it); break;
    case PUBLISHER: neo_pub_release(handle->it); break;
    case LOAN: neo_loan_abort(handle->it); break;
    case SUBSCRIPTION: neo_sub_release(handle->it); break;
    case MESSAGE: neo_msg_release(handle->it); break;
    case SERVICE: neo_service_release(handle->it); break;
    case HANDLER: handler_end(handle->it); break;
    case REQUEST: neo_request_release(handle->it); break;
    case CALL: neo_call_release(handle->it); break;
    case JOB: break;
    }
}

neo_slice_t slice_of(const fields_t *step, const char *key)
{
    const text_t *text = field(step, key);
    return text == NULL ? neo_slice(NULL, 0) : neo_slice(text->data, text->len);
}

int succeeded(fields_t *seen, neo_status_t status, const neo_error_t *err)
{
    if (status == NEO_OK) {
        return 1;
    }
    if (status == NEO_AGAIN) {
        observe(seen, "none", "true");
        return 0;
    }
    observe(seen, "error", "%s", neo_status_name(status));
    if (status == NEO_E_SERVICE) {
        observe_bytes(seen, "text", err->msg, err->len);
    }
    return 0;
}

text_t payload(world_t *world, const fields_t *step)
{
    text_t bytes = payload_of(word(step, "payload", "hex:"));
    if (bytes.data == NULL) {
        broken(world, "`%s` is no payload", word(step, "payload", ""));
        bytes = text_of("", 0);
    }
    return bytes;
}

static void run_once(world_t *world, const fields_t *step, fields_t *seen)
{
    const char *op = word(step, "op", "");
    if (strcmp(op, "release") == 0) {
        const char *name = word(step, "of", "");
        for (size_t i = 0; i < world->count; i++) {
            if (strcmp(world->handles[i].name, name) == 0) {
                give_back(&world->handles[i]);
                forget(world, &world->handles[i]);
                return;
            }
        }
        broken(world, "there is no `%s`", name);
    } else if (!run_kernel(world, op, step, seen) && !run_publish(world, op, step, seen) &&
               !run_receive(world, op, step, seen) && !run_serve(world, op, step, seen) &&
               !run_background(world, op, step, seen)) {
        broken(world, "there is no op `%s`", op);
    }
}

/* Runs a step as often as it says; NULL if every turn met it, else why not. */
static char *run_step(world_t *world, const fields_t *step, text_t *observed)
{
    uint64_t times = number(step, "times", 1);
    char *why = NULL;
    for (uint64_t turn = 0; turn < times && why == NULL; turn++) {
        fields_t seen = {.count = 0};
        world->turn = field(step, "times") == NULL ? -1 : (long)turn;
        run_once(world, step, &seen);
        if (world->broken.data != NULL) {
            why = world->broken.data;
            world->broken = (text_t){NULL, 0};
        } else {
            why = judge(step, &seen);
            free(observed->data);
            *observed = line_of(&seen);
        }
        fields_free(&seen);
    }
    return why;
}

/* Gives everything back, kernels last. NULL, or what was left running. */
static char *finish(world_t *world)
{
    char *why = NULL;
    for (int kernels = 0; kernels < 2; kernels++) {
        for (size_t i = world->count; i-- > 0;) {
            handle_t *handle = &world->handles[i];
            if ((handle->kind == KERNEL) != kernels) {
                continue;
            }
            if (handle->kind == JOB && why == NULL) {
                text_t text = text_of("", 0);
                text_print(&text, "`%s` was never joined", handle->name);
                why = text.data;
            }
            give_back(handle);
            forget(world, handle);
        }
    }
    free(world->handles);
    world->handles = NULL;
    return why;
}

static int end_case(world_t *world, const char *id, text_t *line, char *why)
{
    char *left = finish(world);
    uint64_t live = neo_debug_live(NEO_LIVE_ALL);
    text_t text = text_of("", 0);
    if (why == NULL) {
        why = left;
    } else {
        free(left);
    }
    if (live != 0 && why == NULL) {
        text_print(&text, "%llu objects are alive after the last step", (unsigned long long)live);
        why = text.data;
    } else {
        free(text.data);
    }
    printf("{\"id\":\"%s\",\"ok\":%s,\"observed\":[%s\"live=%llu\"]", id,
           why == NULL ? "true" : "false", line->data, (unsigned long long)live);
    if (why != NULL) {
        printf(",\"failure\":");
        print_json(stdout, why, strlen(why));
    }
    printf("}\n");
    int failed = why != NULL;
    free(why);
    return failed;
}

/* Adds an observation to the list of them, as JSON. */
static void add_observed(text_t *line, const text_t *observed)
{
    char *json = NULL;
    size_t len = 0;
    FILE *out = need(open_memstream(&json, &len));
    print_json(out, observed->data, observed->len);
    fclose(out);
    text_print(line, "%s,", json);
    free(json);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "pair") == 0) {
        return run_peer(argv[2], argv[3]);
    }
    FILE *cases = argc == 3 ? fopen(argv[1], "r") : NULL;
    char *text = NULL, *why = NULL, id[256] = "";
    size_t room = 0;
    int failed = 0, step_number = 0;
    text_t line = {NULL, 0};
    world_t world = {.turn = -1};
    if (cases == NULL) {
        fprintf(stderr, "usage: neo-conformance-c CASES SCHEME, or pair ROLE URL\n");
        return 2;
    }
    world.scheme = argv[2];
    world.id = id;
    for (ssize_t len; (len = getline(&text, &room, cases)) > 0;) {
        text[strcspn(text, "\n")] = '\0';
        if (sscanf(text, "case %255s", id) == 1) {
            line = text_of("", 0);
            step_number = 0;
        } else if (strcmp(text, "end") == 0) {
            failed |= end_case(&world, id, &line, why);
            why = NULL;
            free(line.data);
        } else if (why == NULL) {
            text_t observed = {NULL, 0};
            fields_t step = step_parse(text);
            step_number++;
            why = run_step(&world, &step, &observed);
            if (observed.data != NULL) {
                add_observed(&line, &observed);
                free(observed.data);
            }
            if (why != NULL) {
                text_t placed = text_of("", 0);
                text_print(&placed, "step %d, %s: %s", step_number, word(&step, "op", ""), why);
                free(why);
                why = placed.data;
            }
            fields_free(&step);
        }
    }
    free(text);
    fclose(cases);
    return failed;
}
