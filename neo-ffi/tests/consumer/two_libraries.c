/* Two libraries in Rust, each with its own standard library, in one program. */
#include <neo.h>

int other_answer(void);

int main(void)
{
    neo_kernel_t *kernel = NULL;
    if (neo_kernel_open(neo_str("mem://"), NULL, &kernel, NULL) != NEO_OK) {
        return 1;
    }
    neo_kernel_release(kernel);
    return other_answer() == 42 && neo_debug_live(NEO_LIVE_ALL) == 0 ? 0 : 2;
}
