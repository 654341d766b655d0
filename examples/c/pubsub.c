/* Publish and subscribe: a pattern with `*` hears every topic that it matches.
 *
 *     cc pubsub.c $(pkg-config --cflags --libs neo) && ./a.out
 */
#include <neo.h>
#include <stdio.h>

int main(void)
{
    neo_error_t err = NEO_ERROR_INIT;
    neo_kernel_t *kernel = NULL;
    neo_sub_t *arrivals = NULL;
    neo_view_t message;

    if (neo_kernel_open(neo_str("mem://"), NULL, &kernel, &err) != NEO_OK ||
        neo_sub_open(kernel, neo_str("flights.*.arrived"), NULL, &arrivals, &err) != NEO_OK ||
        neo_publish_to(kernel, neo_str("flights.AA1.arrived"), "LAX", 3, NULL, &err) != NEO_OK ||
        neo_publish_to(kernel, neo_str("flights.AA1.departed"), "JFK", 3, NULL, &err) != NEO_OK ||
        neo_publish_to(kernel, neo_str("flights.DL42.arrived"), "ATL", 3, NULL, &err) != NEO_OK) {
        fprintf(stderr, "%s: %s\n", neo_status_name(err.code), err.msg);
        return 1;
    }
    while (neo_try_recv(arrivals, &message, sizeof message, &err) == NEO_OK) {
        printf("%.*s: %.*s\n", (int)message.topic.len, (const char *)message.topic.data,
               (int)message.data.len, (const char *)message.data.data);
        neo_msg_release(message.msg);
    }

    neo_sub_release(arrivals);
    neo_kernel_release(kernel);
    return 0;
}
