// Kernels that processes share.
#include "support.hpp"

#include <unistd.h>

using namespace support;

namespace {

TEST(shared, two_opens_of_one_name_are_one_kernel)
{
    std::string url = "shm://neo-cpp-" + std::to_string(::getpid());
    neo::kernel_options quiet;
    quiet.without_thread = true;
    neo::kernel one = must(neo::kernel::open(url, quiet));
    neo::kernel other = must(neo::kernel::open(url, quiet));
    neo::subscription sub = must(one.subscribe("t"));
    must(other.publish("t", "across"));
    EXPECT_EQ(text(must(sub.recv())), "across");
    EXPECT_GE(one.maintain_fd(), 0);
    EXPECT_EQ(must(one.maintain()).participants, 0U);
}

TEST(shared, a_kernel_of_one_process_has_nothing_to_maintain)
{
    neo::kernel kernel = open_kernel();
    EXPECT_EQ(kernel.maintain_fd(), -1);
    EXPECT_EQ(must(kernel.maintain()).routes, 0U);
}

} // namespace
