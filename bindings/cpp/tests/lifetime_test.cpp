// Handles: moved, emptied, closed, destroyed in any order, used by many threads.
#include "support.hpp"

#include <atomic>
#include <cstring>
#include <optional>
#include <thread>

using namespace support;

namespace {

static_assert(!std::is_copy_constructible_v<neo::kernel> &&
              !std::is_copy_assignable_v<neo::kernel> &&
              !std::is_copy_constructible_v<neo::message> &&
              !std::is_copy_constructible_v<neo::loan>);
static_assert(std::is_nothrow_move_constructible_v<neo::kernel> &&
              std::is_nothrow_move_assignable_v<neo::subscription> &&
              std::is_nothrow_move_constructible_v<neo::message> &&
              std::is_nothrow_move_assignable_v<neo::loan> &&
              std::is_nothrow_move_constructible_v<neo::request>);

// Whether the views of a temporary can be asked for.
template <typename T, typename = void>
constexpr bool lends_from_a_temporary = false;
template <typename T>
constexpr bool lends_from_a_temporary<T, std::void_t<decltype(std::declval<T &&>().data())>> = true;
static_assert(!lends_from_a_temporary<neo::message> && !lends_from_a_temporary<neo::request> &&
              !lends_from_a_temporary<neo::loan> && lends_from_a_temporary<neo::message &>);

TEST(handle, an_empty_one_is_refused_and_harms_nothing)
{
    neo::kernel kernel;
    EXPECT_FALSE(kernel);
    EXPECT_EQ(code_of(kernel.subscribe("t")), neo::errc::invalid);
    EXPECT_EQ(code_of(kernel.publisher("t")), neo::errc::invalid);
    EXPECT_EQ(code_of(kernel.publish("t", "x")), neo::errc::invalid);
    EXPECT_EQ(code_of(kernel.call("s", "m", "x")), neo::errc::invalid);
    EXPECT_EQ(code_of(kernel.start_call("s", "m", "x")), neo::errc::invalid);
    EXPECT_EQ(code_of(kernel.serve("s")), neo::errc::invalid);
    EXPECT_EQ(code_of(kernel.counters()), neo::errc::invalid);
    EXPECT_EQ(code_of(kernel.trim()), neo::errc::invalid);
    EXPECT_EQ(code_of(kernel.maintain()), neo::errc::invalid);
    EXPECT_EQ(kernel.maintain_fd(), -1);
    EXPECT_EQ(code_of(kernel.close()), neo::errc::invalid);
    EXPECT_EQ(code_of(kernel.clone()), neo::errc::invalid);
    EXPECT_FALSE(kernel.is_closed());
    EXPECT_EQ(kernel.url(), "");
    neo::subscription sub;
    EXPECT_EQ(code_of(sub.recv()), neo::errc::invalid);
    EXPECT_EQ(code_of(sub.try_recv()), neo::errc::invalid);
    EXPECT_EQ(sub.batch(1).error(), neo::errc::invalid);
    EXPECT_EQ(code_of(sub.borrow_batch(1)), neo::errc::invalid);
    EXPECT_EQ(code_of(sub.queued()), neo::errc::invalid);
    EXPECT_EQ(code_of(sub.close()), neo::errc::invalid);
    EXPECT_EQ(sub.pattern(), "");
    neo::publisher pub;
    EXPECT_EQ(code_of(pub.publish("x")), neo::errc::invalid);
    EXPECT_EQ(code_of(pub.publish_many({"x"})), neo::errc::invalid);
    EXPECT_EQ(code_of(pub.loan(1)), neo::errc::invalid);
    EXPECT_EQ(code_of(pub.room(1)), neo::errc::invalid);
    EXPECT_EQ(pub.topic(), "");
    neo::request request;
    EXPECT_EQ(code_of(request.reply("x")), neo::errc::invalid);
    EXPECT_EQ(request.method(), "");
    EXPECT_TRUE(request.data().empty());
    neo::message message;
    EXPECT_TRUE(message.data().empty());
    EXPECT_FALSE(message.header_at(0));
    EXPECT_EQ(code_of(message.clone()), neo::errc::invalid);
    neo::poller poller;
    EXPECT_EQ(poller.fd(), -1);
    EXPECT_EQ(code_of(poller.arm()), neo::errc::invalid);
    EXPECT_EQ(code_of(poller.add(sub, 1)), neo::errc::invalid);
    EXPECT_EQ(code_of(neo::service().recv()), neo::errc::invalid);
    EXPECT_EQ(code_of(neo::pending_call().wait()), neo::errc::invalid);
    EXPECT_EQ(code_of(neo::loan().send()), neo::errc::invalid);
    EXPECT_EQ(code_of(neo::room().wait()), neo::errc::invalid);
    neo::counters counters;
    EXPECT_TRUE(counters.routes().empty());
}

TEST(handle, a_move_leaves_the_old_one_empty)
{
    neo::kernel kernel = open_kernel();
    neo::subscription sub = must(kernel.subscribe("t"));
    must(kernel.publish("t", "x"));
    neo::message message = must(sub.recv());
    neo::message other = std::move(message);
    EXPECT_FALSE(message);
    EXPECT_TRUE(message.data().empty());
    EXPECT_EQ(other.text(), "x");
    neo::message &self = other;
    other = std::move(self);
    EXPECT_EQ(other.text(), "x");
    other = neo::message();
    EXPECT_EQ(neo_debug_live(NEO_LIVE_MESSAGES), 0U);
    neo::kernel moved = std::move(kernel);
    EXPECT_EQ(code_of(kernel.publish("t", "x")), neo::errc::invalid);
    moved = open_kernel();
    EXPECT_EQ(neo_debug_live(NEO_LIVE_KERNELS), 1U);
}

TEST(handle, clones_are_the_same_object_and_the_last_one_ends_it)
{
    neo::kernel kernel = open_kernel();
    std::optional<neo::subscription> first = must(kernel.subscribe("t"));
    neo::subscription second = must(first->clone());
    first.reset();
    EXPECT_EQ(must(kernel.publish("t", "x")).accepted, 1U);
    EXPECT_EQ(text(must(second.recv())), "x");
    second = neo::subscription();
    EXPECT_EQ(must(kernel.publish("t", "x")).accepted, 0U);
    neo::kernel adopted = neo::kernel::adopt(must(kernel.clone()).native_handle());
    neo_kernel_retain(adopted.native_handle());
    EXPECT_EQ(neo_debug_live(NEO_LIVE_KERNELS), 1U);
}

TEST(handle, may_be_destroyed_in_any_order)
{
    std::optional<neo::kernel> kernel = open_kernel();
    std::optional<neo::publisher> pub = must(kernel->publisher("t"));
    std::optional<neo::subscription> sub = must(kernel->subscribe("t"));
    std::optional<neo::service> service = must(kernel->serve("s"));
    std::optional<neo::poller> poller = must(neo::poller::open());
    must(poller->add(*sub, 1));
    std::optional<neo::pending_call> call = must(kernel->start_call("s", "m", "x"));
    std::optional<neo::loan> loan = must(pub->loan(8));
    kernel.reset();
    std::memset(loan->data().data(), 'l', 8);
    pub.reset();
    must(loan->send());
    neo::request request = must(service->recv());
    service.reset();
    call.reset();
    neo::message message = must(sub->recv());
    sub.reset();
    poller.reset();
    EXPECT_EQ(message.text(), "llllllll");
    EXPECT_EQ(request.text(), "x");
    must(request.reply("to nobody"));
}

TEST(handle, a_view_is_valid_as_long_as_its_message)
{
    neo::message message;
    {
        neo::kernel kernel = open_kernel();
        neo::subscription sub = must(kernel.subscribe("t"));
        std::vector<char> large(100000, 'z');
        must(kernel.publish("t", large));
        message = must(sub.recv());
        must(kernel.close());
    }
    neo::bytes view = message.data();
    neo::message moved = std::move(message);
    EXPECT_EQ(view.data(), moved.data().data());
    EXPECT_EQ(view[99999], std::byte{'z'});
    EXPECT_EQ(moved.topic(), "t");
}

TEST(closing, is_told_to_all_and_twice_is_once)
{
    neo::kernel kernel = open_kernel();
    neo::subscription sub = must(kernel.subscribe("t"));
    neo::publisher pub = must(kernel.publisher("t"));
    neo::loan loan = must(pub.loan(1));
    must(pub.publish("queued"));
    EXPECT_FALSE(kernel.is_closed());
    must(kernel.close());
    must(kernel.close());
    EXPECT_TRUE(kernel.is_closed());
    EXPECT_EQ(text(must(sub.recv())), "queued");
    EXPECT_EQ(code_of(sub.recv()), neo::errc::closed);
    EXPECT_EQ(sub.batch(4).error(), neo::errc::closed);
    EXPECT_EQ(code_of(pub.publish("x")), neo::errc::closed);
    EXPECT_EQ(code_of(loan.send()), neo::errc::closed);
    EXPECT_EQ(code_of(pub.loan(1)), neo::errc::closed);
    EXPECT_EQ(code_of(kernel.subscribe("t")), neo::errc::closed);
    EXPECT_EQ(code_of(kernel.call("s", "m", "x")), neo::errc::closed);
    must(sub.close());
    must(sub.close());
}

TEST(closing, a_full_subscription_with_detach_says_so_behind_what_is_queued)
{
    neo::kernel kernel = open_kernel();
    neo::subscribe_options shallow;
    shallow.depth = 1;
    shallow.policy = neo::policy::detach;
    neo::subscription sub = must(kernel.subscribe("t", shallow));
    must(kernel.publish("t", "1"));
    EXPECT_EQ(must(kernel.publish("t", "2")).dropped, 1U);
    EXPECT_EQ(text(must(sub.recv())), "1");
    EXPECT_EQ(code_of(sub.recv()), neo::errc::detached);
}

TEST(closing, wakes_every_thread_that_waits)
{
    for (bool of_kernel : {false, true}) {
        neo::kernel kernel = open_kernel();
        neo::subscription sub = must(kernel.subscribe("t"));
        neo::service service = must(kernel.serve("s"));
        std::atomic<int> woken{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; ++i) {
            threads.emplace_back([&] { woken += code_of(sub.recv()) == neo::errc::closed; });
            threads.emplace_back([&] { woken += code_of(service.recv()) == neo::errc::closed; });
        }
        if (of_kernel) {
            must(kernel.close());
        } else {
            must(sub.close());
            must(service.close());
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
        EXPECT_EQ(woken, 6);
    }
}

TEST(threads, share_one_handle)
{
    neo::kernel kernel = open_kernel();
    neo::subscribe_options deep;
    deep.depth = 65536;
    neo::subscription sub = must(kernel.subscribe("t", deep));
    neo::publisher pub = must(kernel.publisher("t"));
    constexpr int per_thread = 2000;
    std::atomic<int> received{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < per_thread; ++n) {
                must(pub.publish(neo::payload::of(n)));
            }
        });
        threads.emplace_back([&] {
            for (;;) {
                neo::batch batch = sub.batch(64);
                if (batch.error()) {
                    return;
                }
                received += static_cast<int>(batch.size());
                if (received >= 4 * per_thread) {
                    must(sub.close());
                }
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(received, 4 * per_thread);
}

} // namespace
