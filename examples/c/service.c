/* A service: a worker answers calls; its failures and its absence are the caller's errors.
 *
 *     cc service.c $(pkg-config --cflags --libs neo) -lpthread && ./a.out
 */
#include <neo.h>
#include <pthread.h>
#include <stdio.h>

static int is_text(neo_slice_t slice, const char *text)
{
    return slice.len == strlen(text) && memcmp(slice.data, text, slice.len) == 0;
}

static void answer(neo_request_t *request)
{
    neo_request_view_t asked;
    char text[128];
    neo_request_view(request, &asked, sizeof asked);
    if (!is_text(asked.method, "of")) {
        snprintf(text, sizeof text, "no method %.*s", (int)asked.method.len,
                 (const char *)asked.method.data);
        neo_reply_error(request, neo_str(text), NULL);
    } else if (!is_text(asked.data, "AA1")) {
        snprintf(text, sizeof text, "no gate for %.*s", (int)asked.data.len,
                 (const char *)asked.data.data);
        neo_reply_error(request, neo_str(text), NULL);
    } else {
        neo_reply(request, "B22", 3, NULL);
    }
}

/* Answers requests until the service is closed. */
static void *serve(void *service)
{
    neo_request_t *request = NULL;
    while (neo_service_recv((neo_service_t *)service, &request, NEO_FOREVER, NULL) == NEO_OK) {
        answer(request);
        neo_request_release(request);
    }
    return NULL;
}

/* Prints the gate of a flight, or why there is none. */
static void ask(neo_kernel_t *kernel, const char *service, const char *flight)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_view_t gate;
    if (neo_call(kernel, neo_str(service), neo_str("of"), flight, strlen(flight), NULL, &gate,
                 sizeof gate, &err) != NEO_OK) {
        printf("%s: %s\n", service, err.msg);
        return;
    }
    printf("%s leaves from %.*s\n", flight, (int)gate.data.len, (const char *)gate.data.data);
    neo_msg_release(gate.msg);
}

int main(void)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_kernel_t *kernel = NULL;
    neo_service_t *gates = NULL;
    pthread_t worker;

    if (neo_kernel_open(neo_str("mem://"), NULL, &kernel, &err) != NEO_OK ||
        neo_service_open(kernel, neo_str("gates"), NULL, &gates, &err) != NEO_OK ||
        pthread_create(&worker, NULL, serve, gates) != 0) {
        fprintf(stderr, "%s: %s\n", neo_status_name(err.code), err.msg);
        return 1;
    }
    ask(kernel, "gates", "AA1");
    ask(kernel, "gates", "ZZ9");
    ask(kernel, "lounges", "AA1");

    neo_service_close(gates);
    pthread_join(worker, NULL);
    printf("the worker ended\n");
    neo_service_release(gates);
    neo_kernel_release(kernel);
    return 0;
}
