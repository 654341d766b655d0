/* Processes that share a kernel: `./a.out serve` in one terminal, `./a.out ask` in another. The
 * programs of this name in other languages are either side of the same conversation.
 *
 *     cc shared_memory.c $(pkg-config --cflags --libs neo) && ./a.out serve
 */
#include <neo.h>
#include <stdio.h>

#define URL "shm://example-users"

static neo_error_t err = NEO_ERROR_INIT;

/* Answers one call, and publishes who was asked for. */
static neo_status_t serve(neo_kernel_t *kernel)
{
    neo_service_t *users = NULL;
    neo_request_t *request = NULL;
    neo_request_view_t view;
    char answer[64];
    neo_status_t status = neo_service_open(kernel, neo_str("user_service"), NULL, &users, &err);
    if (status != NEO_OK)
        return status;
    printf("serving on " URL "\n");
    fflush(stdout);
    status = neo_service_recv(users, &request, NEO_FOREVER, &err);
    if (status == NEO_OK) {
        neo_request_view(request, &view, sizeof view);
        neo_publish_to(kernel, neo_str("users.asked"), view.data.data, view.data.len, NULL, NULL);
        snprintf(answer, sizeof answer, "%.*s is Ada", (int)view.data.len,
                 (const char *)view.data.data);
        status = neo_reply(request, answer, strlen(answer), &err);
        neo_request_release(request);
    }
    neo_service_release(users);
    return status;
}

static neo_status_t ask(neo_kernel_t *kernel)
{
    neo_sub_t *asked = NULL;
    neo_view_t view;
    neo_status_t status = neo_sub_open(kernel, neo_str("users.*"), NULL, &asked, &err);
    if (status != NEO_OK)
        return status;
    status = neo_call(kernel, neo_str("user_service"), neo_str("get_user"), "42", 2, NULL, &view,
                      sizeof view, &err);
    if (status == NEO_OK) {
        printf("%.*s\n", (int)view.data.len, (const char *)view.data.data);
        neo_msg_release(view.msg);
        status = neo_recv(asked, &view, sizeof view, NEO_FOREVER, &err);
    }
    if (status == NEO_OK) {
        printf("%.*s: %.*s\n", (int)view.topic.len, (const char *)view.topic.data,
               (int)view.data.len, (const char *)view.data.data);
        neo_msg_release(view.msg);
    }
    neo_sub_release(asked);
    return status;
}

int main(int count, char **words)
{
    neo_kernel_t *kernel = NULL;
    neo_status_t status = neo_kernel_open(neo_str(URL), NULL, &kernel, &err);
    if (status == NEO_OK && count == 2 && strcmp(words[1], "serve") == 0)
        status = serve(kernel);
    else if (status == NEO_OK && count == 2 && strcmp(words[1], "ask") == 0)
        status = ask(kernel);
    else if (status == NEO_OK)
        printf("usage: a.out serve|ask\n");
    neo_kernel_release(kernel);
    if (status != NEO_OK)
        fprintf(stderr, "%s: %s\n", neo_status_name(status), err.msg);
    return status != NEO_OK;
}
