// Publishing and receiving.
#include "support.hpp"

#include <cstring>
#include <thread>

using namespace support;

namespace {

TEST(pubsub, a_message_says_what_was_published)
{
    neo::kernel kernel = open_kernel();
    neo::subscription sub = must(kernel.subscribe("readings.*"));
    neo::publisher pub = must(kernel.publisher("readings.indoor", {10ms, true}));
    EXPECT_EQ(must(pub.publish("20.5")).accepted, 1U);
    neo::message message = must(sub.recv());
    EXPECT_EQ(message.text(), "20.5");
    EXPECT_EQ(message.topic(), "readings.indoor");
    EXPECT_EQ(message.lost_before(), 0U);
    EXPECT_EQ(message.seq(), 0U);
    ASSERT_TRUE(message.sent_at());
    auto age = std::chrono::system_clock::now() - *message.sent_at();
    EXPECT_LT(std::chrono::abs(age), 1h);
    EXPECT_EQ(message.data().size(), 4U);
    EXPECT_FALSE(message.header_at(0));
    EXPECT_EQ(pub.topic(), "readings.indoor");
    EXPECT_EQ(sub.pattern(), "readings.*");
    EXPECT_EQ(kernel.url(), "mem://");
}

TEST(pubsub, headers_and_a_trace_context_arrive_and_bad_ones_are_refused)
{
    const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    neo::kernel kernel = open_kernel();
    neo::subscription sub = must(kernel.subscribe("t"));
    neo::publisher_options options;
    options.headers = {{"kind", "csv"}, {"kind", ""}};
    options.traceparent = trace;
    must(must(kernel.publisher("t", options)).publish("x"));
    must(kernel.publish("t", "y"));
    neo::message first = must(sub.recv()), second = must(sub.recv());
    ASSERT_TRUE(first.header_at(1));
    EXPECT_EQ(first.header_at(0)->key, "kind");
    EXPECT_EQ(first.header_at(0)->value.size(), 3U);
    EXPECT_EQ(first.header_at(1)->value.size(), 0U);
    EXPECT_FALSE(first.header_at(2));
    EXPECT_EQ(first.traceparent().value_or(""), trace);
    EXPECT_FALSE(second.header_at(0));
    EXPECT_FALSE(second.traceparent());
    options.traceparent = "00-no";
    EXPECT_EQ(kernel.publisher("t", options).error().code(), neo::errc::invalid);
    options.traceparent = {};
    options.headers = {{"", "v"}};
    EXPECT_EQ(kernel.publisher("t", options).error().code(), neo::errc::invalid);
}

TEST(pubsub, an_empty_mailbox_is_no_error)
{
    neo::kernel kernel = open_kernel();
    neo::subscription sub = must(kernel.subscribe("t"));
    EXPECT_FALSE(must(sub.try_recv()));
    EXPECT_FALSE(must(sub.recv(1ms)));
    EXPECT_TRUE(sub.batch(4, 0ms).empty());
    EXPECT_FALSE(sub.batch(4, 0ms).error());
    EXPECT_TRUE(must(sub.borrow_batch(4, 0ms)).empty());
    EXPECT_EQ(must(sub.queued()), 0U);
}

TEST(pubsub, payloads_of_every_kind_arrive_as_their_bytes)
{
    struct reading {
        double value;
        std::uint32_t sensor;
        std::uint32_t flags;
    };
    neo::kernel kernel = open_kernel();
    neo::subscription sub = must(kernel.subscribe("t"));
    must(kernel.publish("t", std::vector<float>{1.5F, 2.5F}));
    must(kernel.publish("t", neo::payload::of(reading{20.5, 7, 1})));
    must(kernel.publish("t", {}));
    must(kernel.publish("t", std::string_view("a\0b", 3)));
    neo::message floats = must(sub.recv());
    EXPECT_EQ(floats.data().size(), 2 * sizeof(float));
    EXPECT_EQ(floats.as<std::uint32_t>(), std::nullopt);
    neo::message value = must(sub.recv());
    ASSERT_TRUE(value.as<reading>());
    EXPECT_EQ(value.as<reading>()->sensor, 7U);
    EXPECT_TRUE(must(sub.recv()).as<char>() == std::nullopt);
    neo::message text = must(sub.recv());
    EXPECT_EQ(text.text(), std::string_view("a\0b", 3));
}

TEST(pubsub, a_mebibyte_is_seen_where_the_publisher_wrote_it)
{
    neo::kernel kernel = open_kernel();
    neo::subscription one = must(kernel.subscribe("scan")), two = must(kernel.subscribe("scan"));
    neo::publisher pub = must(kernel.publisher("scan"));
    neo::loan loan = must(pub.loan(1 << 20));
    ASSERT_EQ(loan.data().size(), 1U << 20);
    std::memset(loan.data().data(), 7, loan.data().size());
    const std::byte *written = loan.data().data();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(written) % 64, 0U);
    must(loan.send());
    neo::message first = must(one.recv()), second = must(two.recv());
    EXPECT_EQ(first.data().data(), written);
    EXPECT_EQ(second.data().data(), written);
    EXPECT_EQ(second.data()[(1 << 20) - 1], std::byte{7});
    neo::message third = must(first.clone());
    EXPECT_EQ(third.data().data(), written);
}

TEST(pubsub, many_payloads_are_published_in_one_call)
{
    neo::kernel kernel = open_kernel();
    neo::subscription sub = must(kernel.subscribe("t"));
    neo::publisher pub = must(kernel.publisher("t"));
    EXPECT_EQ(must(pub.publish_many({"1", "22", ""})).messages, 3U);
    std::vector<neo::payload> more(3, "x");
    neo::published_many became = must(pub.publish_many(more));
    EXPECT_EQ(became.accepted, 3U);
    EXPECT_FALSE(became.stopped);
    EXPECT_EQ(must(pub.publish_many({})).messages, 0U);
    std::string sizes;
    for (const neo::message &message : sub.batch(16, 0ms)) {
        sizes += std::to_string(message.data().size());
    }
    EXPECT_EQ(sizes, "120111");
}

TEST(pubsub, what_stops_many_payloads_is_told_with_what_was_published)
{
    neo::kernel kernel = open_kernel();
    neo::subscribe_options full;
    full.depth = 2;
    full.policy = neo::policy::block;
    neo::subscription sub = must(kernel.subscribe("t", full));
    neo::publisher pub = must(kernel.publisher("t"));
    neo::published_many became = must(pub.publish_many({"1", "2", "3", "4"}));
    EXPECT_EQ(became.messages, 2U);
    ASSERT_TRUE(became.stopped);
    EXPECT_EQ(*became.stopped, neo::errc::full);
    EXPECT_EQ(code_of(pub.publish_many({"5"})), neo::errc::full);
    EXPECT_EQ(code_of(pub.publish("5", 1ms)), neo::errc::full);
}

TEST(pubsub, losses_are_told_to_both_sides)
{
    neo::kernel kernel = open_kernel();
    neo::subscribe_options shallow;
    shallow.depth = 2;
    neo::subscription sub = must(kernel.subscribe("t", shallow));
    std::uint32_t dropped = 0;
    for (int i = 0; i < 5; ++i) {
        dropped += must(kernel.publish("t", std::to_string(i))).dropped;
    }
    EXPECT_EQ(dropped, 3U);
    neo::message next = must(sub.recv());
    EXPECT_EQ(next.text(), "3");
    EXPECT_EQ(next.lost_before(), 3U);
    EXPECT_EQ(must(sub.take_lost()), 0U);
    neo::counters counters = must(kernel.counters());
    ASSERT_EQ(counters.routes().size(), 1U);
    const neo::route route = counters.routes()[0];
    EXPECT_EQ(route.pattern, "t");
    EXPECT_EQ(route.accepted, route.delivered + route.lost + route.queued);
    EXPECT_EQ(route.lost, 3U);
    EXPECT_EQ(route.policy, neo::policy::drop_oldest);
    EXPECT_EQ(counters.totals().routes, 1U);
}

TEST(pubsub, members_of_a_group_share_the_messages)
{
    neo::kernel kernel = open_kernel();
    neo::subscribe_options desk;
    desk.group = "desks";
    neo::subscription one = must(kernel.subscribe("t", desk));
    neo::subscription two = must(kernel.subscribe("t", desk));
    must(kernel.publish("t", "1"));
    must(kernel.publish("t", "2"));
    EXPECT_EQ(text(must(one.recv())), "1");
    EXPECT_EQ(text(must(two.recv())), "2");
    EXPECT_FALSE(must(one.try_recv()));
}

TEST(batch, is_a_range_that_can_be_used_again)
{
    neo::kernel kernel = open_kernel();
    neo::subscription sub = must(kernel.subscribe("t"));
    neo::publisher pub = must(kernel.publisher("t"));
    neo::batch batch(4);
    for (int round = 0; round < 3; ++round) {
        must(pub.publish_many({"a", "b", "c", "d", "e"}));
        EXPECT_EQ(must(sub.recv_into(batch, 0ms)), 4U);
        EXPECT_EQ(batch[3].text(), "d");
        neo::message kept = std::move(batch[1]);
        EXPECT_EQ(must(sub.recv_into(batch, 0ms)), 1U);
        EXPECT_EQ(batch.begin()->text(), "e");
        EXPECT_EQ(kept.text(), "b");
    }
    neo::batch moved = std::move(batch);
    EXPECT_EQ(moved.size(), 1U);
    EXPECT_TRUE(batch.empty() && batch.begin() == batch.end());
    batch.clear();
    EXPECT_EQ(must(sub.recv_into(batch, 0ms)), 0U);
    moved.clear();
    EXPECT_TRUE(moved.empty());
    EXPECT_EQ(moved.capacity(), 4U);
}

TEST(batch, borrowed_messages_lie_in_the_mailbox_and_lock_it)
{
    neo::kernel kernel = open_kernel();
    neo::subscription sub = must(kernel.subscribe("t"));
    neo::publisher pub = must(kernel.publisher("t"));
    must(pub.publish_many({"a", "b", "c"}));
    {
        neo::borrowed_batch borrowed = must(sub.borrow_batch(2));
        std::string text;
        for (const neo::message_view &message : borrowed) {
            text += message.text();
            text += message.topic();
        }
        EXPECT_EQ(text, "atbt");
        EXPECT_EQ(code_of(sub.try_recv()), neo::errc::misuse);
        neo::borrowed_batch moved = std::move(borrowed);
        EXPECT_EQ(moved.size(), 2U);
        EXPECT_TRUE(borrowed.empty() && borrowed.begin() == borrowed.end());
    }
    EXPECT_EQ(text(must(sub.recv())), "c");
}

TEST(range, goes_on_until_the_subscription_is_closed)
{
    neo::kernel kernel = open_kernel();
    neo::subscription sub = must(kernel.subscribe("t"));
    must(kernel.publish("t", "1"));
    must(kernel.publish("t", "2"));
    must(kernel.publish("t", "end"));
    std::string text;
    auto messages = sub.messages();
    for (neo::message &message : messages) {
        text += message.text();
        if (message.text() == "end") {
            must(sub.close());
        }
    }
    EXPECT_EQ(text, "12end");
    EXPECT_EQ(messages.error(), neo::errc::closed);
    neo::subscription other = must(kernel.subscribe("t"));
    auto none = other.messages(0ms);
    EXPECT_TRUE(none.begin() == none.end());
    EXPECT_FALSE(none.error());
}

TEST(loan, ends_once)
{
    neo::kernel kernel = open_kernel();
    neo::subscription sub = must(kernel.subscribe("t"));
    neo::publisher pub = must(kernel.publisher("t"));
    neo::loan loan = must(pub.loan(100));
    std::memcpy(loan.data().data(), "hello", 5);
    EXPECT_EQ(code_of(loan.truncate(101)), neo::errc::invalid);
    must(loan.truncate(5));
    EXPECT_EQ(loan.data().size(), 5U);
    neo::loan moved = std::move(loan);
    EXPECT_TRUE(loan.data().empty());
    EXPECT_EQ(must(moved.send()).accepted, 1U);
    EXPECT_EQ(code_of(moved.send()), neo::errc::invalid);
    EXPECT_EQ(code_of(moved.truncate(0)), neo::errc::invalid);
    EXPECT_TRUE(moved.data().empty());
    EXPECT_EQ(text(must(sub.recv())), "hello");
    neo::loan aborted = must(pub.loan(10));
    aborted.abort();
    aborted.abort();
    EXPECT_FALSE(aborted);
    { neo::loan dropped = must(pub.loan(10)); }
    EXPECT_EQ(must(sub.queued()), 0U);
    EXPECT_EQ(neo_debug_live(NEO_LIVE_LOANS), 0U);
    neo::loan empty = must(pub.loan(0));
    EXPECT_TRUE(empty.data().empty());
}

TEST(room, is_there_once_a_reader_made_some)
{
    neo::kernel kernel = open_kernel();
    neo::subscribe_options full;
    full.depth = 1;
    full.policy = neo::policy::block;
    neo::subscription sub = must(kernel.subscribe("t", full));
    neo::publisher pub = must(kernel.publisher("t"));
    neo::room room = must(pub.room(1));
    EXPECT_TRUE(must(room.wait(0s)));
    must(pub.publish("1"));
    EXPECT_FALSE(must(room.wait(1ms)));
    std::thread reader([&] { must(sub.recv()); });
    EXPECT_TRUE(must(room.wait()));
    reader.join();
    must(kernel.close());
    EXPECT_EQ(code_of(room.wait()), neo::errc::closed);
}

} // namespace
