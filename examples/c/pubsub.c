/* Publish and subscribe, in one process.
 *
 *     cc pubsub.c $(pkg-config --cflags --libs neo) && ./a.out
 */
#include <neo.h>
#include <stdio.h>

int main(void)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_kernel_t *kernel = NULL;
    neo_sub_t *readings = NULL;
    neo_view_t message;

    if (neo_kernel_open(neo_str("mem://"), NULL, &kernel, &err) != NEO_OK ||
        neo_sub_open(kernel, neo_str("readings.*"), NULL, &readings, &err) != NEO_OK ||
        neo_publish_to(kernel, neo_str("readings.indoor"), "20.5", 4, NULL, &err) != NEO_OK ||
        neo_recv(readings, &message, sizeof message, NEO_FOREVER, &err) != NEO_OK) {
        fprintf(stderr, "%s: %s\n", neo_status_name(err.code), err.msg);
        return 1;
    }
    printf("%.*s: %.*s\n", (int)message.topic.len, (const char *)message.topic.data,
           (int)message.data.len, (const char *)message.data.data);

    neo_msg_release(message.msg);
    neo_sub_release(readings);
    neo_kernel_release(kernel);
    return 0;
}
