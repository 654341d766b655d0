// A queue group: each message goes to one of the members, whichever is free.
//
//     c++ -std=c++17 queue_group.cpp $(pkg-config --cflags --libs neo) -pthread && ./a.out
#include <neo.hpp>

#include <iostream>
#include <thread>

namespace {

// Receives what is queued, until the kernel is closed.
int unload(const neo::subscription &bags)
{
    int done = 0;
    for ([[maybe_unused]] neo::message &bag : bags.messages()) {
        ++done;
    }
    return done;
}

// `value()` throws where something fails: main says why.
int run()
{
    neo::kernel kernel = neo::kernel::open("mem://").value();
    neo::subscribe_options belt;
    belt.group = "belt";
    int done[3] = {};
    std::vector<std::thread> members;
    for (int &own : done) {
        members.emplace_back(
            [&own, bags = kernel.subscribe("bags.*", belt).value()] { own = unload(bags); });
    }
    for (std::uint32_t bag = 1; bag <= 300; ++bag) {
        static_cast<void>(kernel.publish("bags.JFK", neo::payload::of(bag)).value());
    }
    // Members receive what is queued, then learn that the kernel is closed.
    kernel.close().value();
    for (std::thread &member : members) {
        member.join();
    }
    std::cout << done[0] + done[1] + done[2] << " bags by " << members.size() << " members\n";
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
