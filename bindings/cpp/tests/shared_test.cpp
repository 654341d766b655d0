// Kernels that processes share.
#include "support.hpp"

#include <cerrno>
#include <cstdlib>
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

TEST(shared, what_the_system_refuses_has_its_number)
{
    ::setenv("NEO_SHM_DIR", "/dev/null/names", 1);
    auto refused = neo::kernel::open("shm://neo-cpp-refused");
    ::unsetenv("NEO_SHM_DIR");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), neo::errc::os);
    EXPECT_EQ(refused.error().os_errno(), ENOTDIR);
    EXPECT_EQ(neo::kernel::open("ftp://x").error().os_errno(), 0);
}

TEST(shared, a_name_that_nobody_has_open_is_not_found)
{
    neo::kernel_options existing;
    existing.existing_only = true;
    auto found = neo::kernel::open("shm://neo-cpp-nobody", existing);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), neo::errc::not_found);
}

TEST(shared, a_kernel_of_one_process_has_nothing_to_maintain)
{
    neo::kernel kernel = open_kernel();
    EXPECT_EQ(kernel.maintain_fd(), -1);
    EXPECT_EQ(must(kernel.maintain()).routes, 0U);
}

} // namespace
