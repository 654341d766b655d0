// One program of two standards: this file is compiled as C++17, other.cpp as a later one.
#include <neo.hpp>

#include <cstdio>

// Publishes `text` as one who was compiled differently does; false if that failed.
bool publish_elsewhere(neo_kernel_t *kernel, const char *text);

int main()
{
    auto kernel = neo::kernel::open("mem://");
    auto sub = kernel ? kernel->subscribe("t") : neo::failure(kernel.error());
    if (!sub || !publish_elsewhere(kernel->native_handle(), "across")) {
        return 1;
    }
    auto message = sub->recv(std::chrono::seconds(60));
    return message && *message && (*message)->text() == "across" ? 0 : 1;
}
