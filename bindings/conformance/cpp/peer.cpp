// One side of a pair of processes: see the section on pairs in ../README.md.
#include "world.hpp"

#include <algorithm>
#include <cstring>
#include <iostream>

namespace {

constexpr std::size_t messages = 257, by_loan = 16, calls = 32;
constexpr std::chrono::seconds limit(20);

// The value, if there is one; what goes wrong ends the peer.
template <typename T>
T must(neo::result<T> &&result)
{
    if (!result) {
        std::cerr << result.error().name() << ": " << result.error().message() << '\n';
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(*result);
    }
}

// What comes within the limit.
template <typename T>
T must_come(neo::result<std::optional<T>> &&result)
{
    std::optional<T> come = must(std::move(result));
    if (!come) {
        std::cerr << "nothing came\n";
        std::exit(1);
    }
    return std::move(*come);
}

std::string pattern(std::size_t number)
{
    static const std::size_t sizes[] = {0, 1, 64, 200, 256, 1000, 5000, 70000};
    std::string bytes(sizes[number % 8], '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<char>((number + i) % 251);
    }
    return bytes;
}

std::string reversed(std::string_view text) { return {text.rbegin(), text.rend()}; }

void hear(const neo::kernel &kernel)
{
    neo::subscribe_options options;
    options.depth = 32;
    options.policy = neo::policy::block;
    neo::subscription sub = must(kernel.subscribe("pair.*", options));
    neo::service service = must(kernel.serve("pair"));
    std::cout << "ready" << std::endl;
    std::size_t heard = 0, equal = 0, requests = 0;
    std::uint64_t lost = 0;
    for (bool is_end = false; !is_end;) {
        neo::message message = must_come(sub.recv(limit));
        is_end = message.topic() == "pair.end";
        lost += message.lost_before();
        heard += is_end ? 0 : 1;
        equal += message.topic() == "pair.data" && message.text() == pattern(equal) ? 1 : 0;
    }
    for (bool is_end = false; !is_end; ++requests) {
        neo::request request = must_come(service.recv(limit));
        is_end = request.method() == "end";
        if (is_end) {
            must(request.reply({}));
        } else if (request.method() == "reverse") {
            must(request.reply(reversed(request.text())));
        } else {
            must(request.fail("the handler says no"));
        }
    }
    std::cout << "messages=" << heard << " equal=" << equal << " lost=" << lost
              << " requests=" << requests << std::endl;
}

std::uint64_t tell_messages(const neo::kernel &kernel)
{
    neo::publisher_options waiting;
    waiting.send_timeout = limit;
    neo::publisher data = must(kernel.publisher("pair.data", waiting));
    neo::publisher end = must(kernel.publisher("pair.end", waiting));
    std::uint64_t accepted = 0;
    for (std::size_t number = 0; number < messages; ++number) {
        std::string payload = pattern(number);
        if (number < by_loan) {
            neo::loan loan = must(data.loan(payload.size()));
            std::copy(payload.begin(), payload.end(),
                      reinterpret_cast<char *>(loan.data().data()));
            accepted += must(loan.send()).accepted;
        } else {
            accepted += must(data.publish(payload)).accepted;
        }
    }
    must(end.publish({}));
    return accepted;
}

void tell(const neo::kernel &kernel)
{
    std::uint64_t accepted = tell_messages(kernel);
    std::size_t answered = 0;
    for (std::size_t number = 0; number < calls; ++number) {
        std::string payload = pattern(number);
        neo::message answer = must(kernel.call("pair", "reverse", payload, limit));
        answered += answer.text() == reversed(payload) ? 1 : 0;
    }
    neo::result<neo::message> refused = kernel.call("pair", "fail", {}, limit);
    if (refused) {
        std::cerr << "`fail` answers\n";
        std::exit(1);
    }
    must(kernel.call("pair", "end", {}, limit));
    std::cout << "accepted=" << accepted << " answered=" << answered
              << " error=" << refused.error().name() << " text=" << refused.error().message()
              << std::endl;
}

} // namespace

int run_peer(const std::string &role, const std::string &url)
{
    {
        neo::kernel kernel = must(neo::kernel::open(url));
        if (role == "hear") {
            hear(kernel);
        } else if (role == "tell") {
            tell(kernel);
        } else {
            std::cerr << "there is no role " << role << ": hear, tell\n";
            return 2;
        }
    }
    return neo_debug_live(NEO_LIVE_ALL) == 0 ? 0 : 3;
}
