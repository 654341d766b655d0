/* A service on a thread of its own, and a call to it.
 *
 *     cc service.c $(pkg-config --cflags --libs neo) -lpthread && ./a.out
 */
#include <neo.h>
#include <pthread.h>
#include <stdio.h>

/* Answers requests until the service is closed. */
static void *serve(void *service)
{
    neo_request_t *request = NULL;
    while (neo_service_recv((neo_service_t *)service, &request, NEO_FOREVER, NULL) == NEO_OK) {
        neo_request_view_t view;
        neo_request_view(request, &view, sizeof view);
        if (view.method.len == 8 && memcmp(view.method.data, "get_user", 8) == 0) {
            neo_reply(request, "Ada", 3, NULL);
        } else {
            neo_reply_error(request, neo_str("there is no such method"), NULL);
        }
        neo_request_release(request);
    }
    return NULL;
}

int main(void)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_kernel_t *kernel = NULL;
    neo_service_t *service = NULL;
    neo_view_t reply;
    pthread_t worker;

    if (neo_kernel_open(neo_str("mem://"), NULL, &kernel, &err) != NEO_OK ||
        neo_service_open(kernel, neo_str("user_service"), NULL, &service, &err) != NEO_OK ||
        pthread_create(&worker, NULL, serve, service) != 0 ||
        neo_call(kernel, neo_str("user_service"), neo_str("get_user"), "42", 2, NULL, &reply,
                 sizeof reply, &err) != NEO_OK) {
        fprintf(stderr, "%s: %s\n", neo_status_name(err.code), err.msg);
        return 1;
    }
    printf("Response: %.*s\n", (int)reply.data.len, (const char *)reply.data.data);

    neo_msg_release(reply.msg);
    neo_service_close(service);
    pthread_join(worker, NULL);
    neo_service_release(service);
    neo_kernel_release(kernel);
    return 0;
}
