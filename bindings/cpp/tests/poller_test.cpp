// Watching many sources at once.
#include "support.hpp"

#include <atomic>
#include <future>
#include <memory>
#include <thread>

#include <poll.h>

using namespace support;

namespace {

bool is_readable(int fd, int timeout_ms)
{
    pollfd watched{fd, POLLIN, 0};
    return ::poll(&watched, 1, timeout_ms) == 1;
}

TEST(poller, its_descriptor_wakes_an_event_loop)
{
    neo::kernel kernel = open_kernel();
    neo::subscription sub = must(kernel.subscribe("t"));
    neo::poller poller = must(neo::poller::open());
    must(poller.add(sub, 7));
    EXPECT_TRUE(must(poller.arm()));
    EXPECT_FALSE(is_readable(poller.fd(), 0));
    must(kernel.publish("t", "x"));
    EXPECT_TRUE(is_readable(poller.fd(), 60000));
    std::uint64_t tokens[4];
    neo::ready ready = must(poller.take(tokens, 4));
    ASSERT_EQ(ready.count, 1U);
    EXPECT_EQ(tokens[0], 7U);
    EXPECT_FALSE(ready.interrupted);
    EXPECT_FALSE(must(poller.arm()));
    EXPECT_EQ(text(must(sub.recv())), "x");
    must(poller.remove(7));
    EXPECT_EQ(code_of(poller.remove(7)), neo::errc::invalid);
}

TEST(poller, waits_for_sources_of_every_kind)
{
    neo::kernel kernel = open_kernel();
    neo::service service = must(kernel.serve("s"));
    neo::subscription sub = must(kernel.subscribe("t"));
    neo::publisher pub = must(kernel.publisher("t"));
    neo::room room = must(pub.room(1));
    neo::poller poller = must(neo::poller::open());
    neo::pending_call call = must(kernel.start_call("s", "m", ""));
    must(poller.add(service, 1));
    must(poller.add(call, 2));
    must(poller.add(room, 3));
    must(poller.add(sub, 4));
    EXPECT_EQ(code_of(poller.add(sub, 5)), neo::errc::misuse);
    EXPECT_TRUE(must(poller.wait(limit)));
    must(must(service.recv()).reply("done"));
    EXPECT_TRUE(must(poller.wait()));
    std::uint64_t tokens[8];
    std::uint64_t seen = 0;
    while ((seen & 0b1100U) != 0b1100U) {
        EXPECT_TRUE(must(poller.wait(limit)));
        neo::ready ready = must(poller.take(tokens, 8));
        for (std::size_t i = 0; i < ready.count; ++i) {
            seen |= 1U << tokens[i];
        }
    }
    EXPECT_EQ(seen & 0b10000U, 0U);
    EXPECT_EQ(text(must(call.wait())), "done");
}

TEST(poller, is_woken_without_a_message)
{
    neo::poller poller = must(neo::poller::open());
    EXPECT_FALSE(must(poller.wait(1ms)));
    must(poller.interrupt());
    EXPECT_TRUE(must(poller.wait(limit)));
    std::uint64_t token;
    EXPECT_TRUE(must(poller.take(&token, 1)).interrupted);
    EXPECT_FALSE(must(poller.take(&token, 1)).interrupted);
}

TEST(poller, calls_a_function_once_for_each_arm_and_destroys_it_once)
{
    auto held = std::make_shared<int>(0);
    std::weak_ptr<int> watched = held;
    std::atomic<int> wakes{0};
    neo::kernel kernel = open_kernel();
    neo::subscription sub = must(kernel.subscribe("t"));
    {
        neo::poller poller = must(neo::poller::open(
            [held = std::move(held), &wakes]() noexcept { wakes += 1 + *held; }));
        EXPECT_EQ(poller.fd(), -1);
        must(poller.add(sub, 1));
        EXPECT_TRUE(must(poller.arm()));
        must(kernel.publish("t", "1"));
        must(kernel.publish("t", "2"));
        EXPECT_EQ(wakes, 1);
        EXPECT_FALSE(watched.expired());
    }
    must(kernel.publish("t", "3"));
    EXPECT_EQ(wakes, 1);
    EXPECT_TRUE(watched.expired());
}

TEST(poller, a_cancelled_wait_loses_no_message)
{
    neo::kernel kernel = open_kernel();
    neo::subscribe_options deep;
    deep.depth = 4096;
    neo::subscription sub = must(kernel.subscribe("t", deep));
    constexpr int count = 2000;
    std::thread publisher([&] {
        for (int i = 0; i < count; ++i) {
            must(kernel.publish("t", neo::payload::of(i)));
        }
    });
    int next = 0;
    while (next < count) {
        // Most of these waits end without a message, some while one arrives.
        auto message = must(sub.recv(1us));
        if (message) {
            ASSERT_EQ(message->as<int>(), next);
            ++next;
        }
    }
    publisher.join();
    EXPECT_FALSE(must(sub.try_recv()));
}

} // namespace
