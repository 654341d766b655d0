// A subscriber in a process of its own, in C++: a part of `cargo xtask demo`.
//
//     processes URL
//
// Adds up every flight on the kernel of URL, day by day. A publisher that takes the place of one
// that was killed says from which day on it publishes again; what had come of that day is then
// forgotten. Prints one line of JSON.
#include "month.hpp"

#include <neo.hpp>

#include <chrono>
#include <iostream>
#include <stdexcept>

namespace {

constexpr std::size_t days_in_month = 31, minutes_per_day = 24 * 60;
constexpr std::chrono::seconds limit(20);

// What came of each day.
struct month_of_days {
    std::vector<month::tally> days = std::vector<month::tally>(days_in_month);
    std::uint64_t received = 0, lost = 0;

    // Adds a message up; false for the one that ends the month.
    bool add(const neo::message &message)
    {
        lost += message.lost_before();
        if (message.topic() == "flights.end") {
            return false;
        }
        if (message.topic() == "flights.again") {
            for (std::size_t day = message.as<std::uint8_t>().value(); day < days.size(); ++day) {
                days[day] = {};
            }
            return true;
        }
        auto flight = month::flight::decode(message.data().data(), message.data().size());
        days.at(flight.scheduled / minutes_per_day).add(flight);
        ++received;
        return true;
    }

    void print(std::ostream &out) const
    {
        month::tally all;
        for (const month::tally &day : days) {
            all.merge(day);
        }
        out << "{\"received\":" << received << ",\"lost\":" << lost << ",\"total\":" << all.total
            << ",\"carriers\":";
        month::print(out, all.carriers);
        out << ",\"means\":{}}\n";
    }
};

void run(const char *url)
{
    neo::kernel kernel = neo::kernel::open(url).value();
    neo::subscribe_options options;
    options.policy = neo::policy::block;
    options.depth = 4096;
    neo::subscription flights = kernel.subscribe("flights.>", options).value();
    std::cout << "ready" << std::endl;
    month_of_days sums;
    for (const neo::message &message : flights.messages(limit)) {
        if (!sums.add(message)) {
            sums.print(std::cout);
            return;
        }
    }
    throw std::runtime_error("the month did not come to its end in time");
}

} // namespace

int main(int count, char **words)
{
    try {
        if (count != 2) {
            throw std::invalid_argument("usage: processes URL");
        }
        run(words[1]);
    } catch (const std::exception &failed) {
        std::cerr << "processes (C++): " << failed.what() << '\n';
        return 1;
    }
}
