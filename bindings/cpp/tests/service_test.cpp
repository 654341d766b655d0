// Services and calls.
#include "support.hpp"

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

using namespace support;

namespace {

template <typename Handler>
neo::server serve(const neo::kernel &kernel, Handler handler, neo::server_options options = {})
{
    return must(neo::server::start(kernel, "s", std::move(handler), options));
}

std::string ask(const neo::kernel &kernel, neo::payload argument = {})
{
    return text(must(kernel.call("s", "m", argument, limit)));
}

// The code and the text with which a call fails.
std::string refused(const neo::kernel &kernel)
{
    neo::result<neo::message> reply = kernel.call("s", "m", "", limit);
    if (reply) {
        return "it answered";
    }
    return std::string(reply.error().name()) + ": " + std::string(reply.error().message());
}

TEST(service, a_request_is_pulled_and_answered_once)
{
    neo::kernel kernel = open_kernel();
    neo::service service = must(kernel.serve("s"));
    EXPECT_EQ(service.name(), "s");
    EXPECT_FALSE(must(service.recv(0ms)));
    neo::pending_call call = must(kernel.start_call("s", "get", "42"));
    neo::request request = must(service.recv());
    EXPECT_EQ(request.method(), "get");
    EXPECT_EQ(request.text(), "42");
    EXPECT_EQ(request.data().size(), 2U);
    EXPECT_FALSE(must(call.wait(0ms)));
    must(request.reply("Ada"));
    EXPECT_EQ(code_of(request.reply("Bob")), neo::errc::misuse);
    EXPECT_EQ(code_of(request.fail("no")), neo::errc::misuse);
    EXPECT_EQ(request.text(), "42");
    neo::message reply = must(call.wait());
    EXPECT_EQ(reply.text(), "Ada");
    EXPECT_EQ(reply.topic(), "");
    EXPECT_EQ(code_of(call.wait()), neo::errc::misuse);
}

TEST(service, the_answer_is_what_the_handler_returns)
{
    neo::kernel kernel = open_kernel();
    {
        neo::server server = serve(kernel, [](neo::request &request) { return request.data(); });
        EXPECT_EQ(ask(kernel, "same"), "same");
    }
    {
        neo::server server = serve(kernel, [](const neo::request &request) {
            return std::string(request.text()) + "!";
        });
        EXPECT_EQ(ask(kernel, "text"), "text!");
    }
    {
        neo::server server = serve(kernel, [](const neo::request &) {
            return std::vector<std::uint16_t>{0x4141, 0x4242};
        });
        EXPECT_EQ(ask(kernel), "AABB");
    }
    {
        neo::server server = serve(kernel, [](const neo::request &request) {
            must(request.reply("by itself"));
        });
        EXPECT_EQ(ask(kernel), "by itself");
    }
}

TEST(service, an_error_that_the_handler_returns_reaches_the_caller)
{
    neo::kernel kernel = open_kernel();
    neo::server server = serve(kernel, [](const neo::request &request) -> neo::result<std::string> {
        if (request.text().empty()) {
            return neo::fail("there is no such user");
        }
        return "Ada";
    });
    EXPECT_EQ(ask(kernel, "1"), "Ada");
    EXPECT_NE(refused(kernel).find("NEO_E_SERVICE: "), std::string::npos);
    EXPECT_NE(refused(kernel).find("there is no such user"), std::string::npos);
}

TEST(service, what_the_handler_throws_reaches_the_caller_and_the_service_goes_on)
{
    neo::kernel kernel = open_kernel();
    std::atomic<int> calls{0};
    neo::server server = serve(kernel, [&](const neo::request &) -> std::string {
        switch (calls++) {
        case 0: throw std::runtime_error("the table is on fire");
        case 1: throw 7;
        default: return "well again";
        }
    });
    std::string first = refused(kernel), second = refused(kernel);
    EXPECT_NE(first.find("NEO_E_SERVICE"), std::string::npos) << first;
    EXPECT_NE(first.find("the table is on fire"), std::string::npos) << first;
    EXPECT_NE(second.find("NEO_E_SERVICE"), std::string::npos) << second;
    EXPECT_EQ(ask(kernel), "well again");
}

TEST(service, an_exception_behind_a_reply_changes_nothing)
{
    neo::kernel kernel = open_kernel();
    neo::server server = serve(kernel, [](const neo::request &request) {
        must(request.reply("first"));
        throw std::runtime_error("too late");
    });
    EXPECT_EQ(ask(kernel), "first");
    EXPECT_EQ(ask(kernel), "first");
}

TEST(service, a_request_that_nobody_answers_is_told_to_the_caller)
{
    neo::kernel kernel = open_kernel();
    EXPECT_EQ(code_of(kernel.call("s", "m", "")), neo::errc::no_responder);
    neo::server server = serve(kernel, [](const neo::request &) {});
    EXPECT_EQ(code_of(kernel.call("s", "m", "", limit)), neo::errc::no_reply);
}

TEST(service, a_handler_may_keep_the_request_and_answer_later)
{
    neo::kernel kernel = open_kernel();
    std::promise<neo::request> kept;
    neo::server server =
        serve(kernel, [&](neo::request &request) { kept.set_value(std::move(request)); });
    neo::pending_call call = must(kernel.start_call("s", "m", "x"));
    neo::request request = kept.get_future().get();
    must(request.reply("later"));
    EXPECT_EQ(text(must(call.wait())), "later");
}

TEST(service, an_answer_without_room_is_told_to_both_sides)
{
    neo::kernel_options small;
    small.memory_bytes_max = 4 << 20;
    neo::kernel kernel = must(neo::kernel::open("mem://", small));
    neo::service service = must(kernel.serve("s"));
    neo::pending_call call = must(kernel.start_call("s", "m", ""));
    neo::request request = must(service.recv());
    std::vector<char> huge(64 << 20);
    EXPECT_EQ(code_of(request.reply(huge)), neo::errc::too_large);
    EXPECT_FALSE(call.wait());
}

TEST(service, a_call_that_is_cancelled_or_late_is_given_up)
{
    neo::kernel_options hasty;
    hasty.call_timeout = 1ms;
    neo::kernel kernel = must(neo::kernel::open("mem://", hasty));
    neo::service service = must(kernel.serve("s"));
    EXPECT_EQ(code_of(kernel.call("s", "m", "")), neo::errc::timeout);
    EXPECT_EQ(code_of(kernel.call("s", "m", "", 2ms)), neo::errc::timeout);
    neo::pending_call call = must(kernel.start_call("s", "m", ""));
    must(call.cancel());
    must(call.cancel());
    EXPECT_EQ(code_of(call.wait()), neo::errc::misuse);
    { neo::pending_call dropped = must(kernel.start_call("s", "m", "")); }
    EXPECT_FALSE(must(service.recv(0ms)));
}

TEST(service, several_workers_answer_at_the_same_time)
{
    neo::kernel kernel = open_kernel();
    std::promise<void> both;
    std::atomic<int> inside{0};
    neo::server_options two;
    two.workers = 2;
    std::shared_future<void> released = both.get_future().share();
    neo::server server = serve(
        kernel,
        [&, released](const neo::request &) {
            if (++inside == 2) {
                both.set_value();
            }
            released.wait();
            return "done";
        },
        two);
    neo::pending_call one = must(kernel.start_call("s", "m", ""));
    neo::pending_call other = must(kernel.start_call("s", "m", ""));
    EXPECT_EQ(text(must(one.wait())), "done");
    EXPECT_EQ(text(must(other.wait())), "done");
}

TEST(service, run_ends_when_it_is_closed)
{
    neo::kernel kernel = open_kernel();
    neo::service service = must(kernel.serve("s"));
    auto answer = [](const neo::request &) { return "x"; };
    std::thread closer([&] {
        EXPECT_EQ(ask(kernel), "x");
        must(service.close());
        must(service.close());
    });
    must(service.run(answer));
    closer.join();
    EXPECT_EQ(code_of(service.recv()), neo::errc::closed);
    EXPECT_EQ(code_of(neo::service().run(answer)), neo::errc::invalid);
}

TEST(server, may_be_stopped_by_its_own_handler)
{
    neo::kernel kernel = open_kernel();
    std::promise<void> stopped;
    auto server = std::make_unique<neo::server>();
    auto opened = neo::server::start(kernel, "s", [&](const neo::request &request) {
        server.reset();
        must(request.reply("goodbye"));
        stopped.set_value();
    });
    *server = must(std::move(opened));
    EXPECT_EQ(ask(kernel), "goodbye");
    stopped.get_future().wait();
    must(kernel.close());
    // The thread gives its handle back when its handler has returned.
    while (neo_debug_live(NEO_LIVE_SERVICES) > 0 || neo_debug_live(NEO_LIVE_REQUESTS) > 0) {
        std::this_thread::yield();
    }
}

TEST(server, leaves_no_thread_and_no_worker_where_it_cannot_be_started)
{
    neo::kernel kernel = open_kernel();
    auto answer = [](const neo::request &) { return "x"; };
    EXPECT_EQ(code_of(neo::server::start(kernel, "", answer)), neo::errc::invalid);
    EXPECT_EQ(code_of(neo::server::start(neo::kernel(), "s", answer)), neo::errc::invalid);
    neo::server_options many;
    many.workers = 65;
    EXPECT_EQ(code_of(neo::server::start(kernel, "s", answer, many)), neo::errc::full);
    EXPECT_EQ(code_of(kernel.call("s", "m", "")), neo::errc::no_responder);
    neo::server server = serve(kernel, answer), other = std::move(server);
    EXPECT_EQ(ask(kernel), "x");
    server = std::move(other);
    EXPECT_EQ(ask(kernel), "x");
    server.close();
    server.stop();
    server.stop();
}

} // namespace
