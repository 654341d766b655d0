// The other half of main.cpp.
#include <neo.hpp>

#if !NEO_HAS_SPAN
#error "compile this as C++20 or later"
#endif

bool publish_elsewhere(neo_kernel_t *kernel, const char *text)
{
    if (neo_kernel_retain(kernel) != NEO_OK) {
        return false;
    }
    return neo::kernel::adopt(kernel).publish("t", text).has_value();
}
