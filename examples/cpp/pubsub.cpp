// Publish and subscribe: a pattern with `*` hears every topic that it matches.
//
//     c++ -std=c++17 pubsub.cpp $(pkg-config --cflags --libs neo) && ./a.out
#include <neo.hpp>

#include <iostream>

int main()
{
    auto kernel = neo::kernel::open("mem://");
    auto arrivals = kernel ? kernel->subscribe("flights.*.arrived") : neo::failure(kernel.error());
    if (!arrivals) {
        std::cerr << arrivals.error().message() << '\n';
        return 1;
    }
    for (auto [topic, airport] : {std::pair("flights.AA1.arrived", "LAX"),
                                  std::pair("flights.AA1.departed", "JFK"),
                                  std::pair("flights.DL42.arrived", "ATL")}) {
        if (auto sent = kernel->publish(topic, airport); !sent) {
            std::cerr << sent.error().message() << '\n';
            return 1;
        }
    }
    for (const neo::message &message : arrivals->batch(16)) {
        std::cout << message.topic() << ": " << message.text() << '\n';
    }
}
