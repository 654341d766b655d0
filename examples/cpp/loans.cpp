// Loans: a large message is written once, in the kernel's memory, and every reader reads it there.
//
//     c++ -std=c++17 loans.cpp $(pkg-config --cflags --libs neo) && ./a.out
#include <neo.hpp>

#include <iostream>

namespace {

constexpr std::size_t samples = 1 << 16;

int run()
{
    neo::kernel kernel = neo::kernel::open("mem://").value();
    neo::subscription readers[] = {kernel.subscribe("radar.sweep").value(),
                                   kernel.subscribe("radar.>").value()};
    neo::publisher publisher = kernel.publisher("radar.sweep").value();
    neo::loan sweep = publisher.loan(samples).value();
    for (std::size_t at = 0; at < samples; ++at) {
        sweep.data()[at] = static_cast<std::byte>(at);
    }
    static_cast<void>(sweep.send().value());
    publisher.loan(samples).value().abort();

    neo::message first = readers[0].recv().value(), second = readers[1].recv().value();
    std::cout << first.data().size() << " bytes, the last is "
              << std::to_integer<int>(first.data()[samples - 1]) << '\n'
              << "both readers read the same memory: " << std::boolalpha
              << (first.data().data() == second.data().data()) << '\n'
              << "left in the queues: "
              << readers[0].queued().value() + readers[1].queued().value() << '\n';
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
