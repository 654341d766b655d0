// Slow consumers: each subscription says what happens when it is full, and losses are told.
//
//     c++ -std=c++17 slow_consumer.cpp $(pkg-config --cflags --libs neo) && ./a.out
#include <neo.hpp>

#include <iostream>

namespace {

// Prints what a reader received and lost; how much it lost.
std::uint64_t read(const char *policy, const neo::subscription &reader)
{
    std::uint64_t lost = 0;
    std::string ticks;
    for (const neo::message &message : reader.batch(16, std::chrono::seconds(0))) {
        lost += message.lost_before();
        ticks += (ticks.empty() ? "" : ", ") + std::to_string(message.as<std::uint8_t>().value());
    }
    lost += reader.take_lost().value();
    std::cout << policy << ": received [" << ticks << "], lost " << lost << '\n';
    return lost;
}

int run()
{
    neo::kernel kernel = neo::kernel::open("mem://").value();
    auto open = [&](neo::policy policy) {
        neo::subscribe_options options;
        options.depth = 4;
        options.policy = policy;
        return kernel.subscribe("ticks", options).value();
    };
    neo::subscription oldest = open(neo::policy::drop_oldest);
    neo::subscription newest = open(neo::policy::drop_newest);
    neo::subscription latest = open(neo::policy::latest);

    std::uint64_t dropped = 0;
    for (std::uint8_t tick = 1; tick <= 10; ++tick) {
        dropped += kernel.publish("ticks", neo::payload::of(tick)).value().dropped;
    }
    std::uint64_t told = read("DropOldest", oldest);
    told += read("DropNewest", newest);
    told += read("Latest", latest);
    std::cout << "the publisher was told of " << dropped << " losses, the readers of " << told
              << '\n';
    return 0;
}

} // namespace

int main()
{
    try {
        return run();
    } catch (const neo::bad_result &failed) {
        std::cerr << failed.error().message() << '\n';
        return 1;
    }
}
