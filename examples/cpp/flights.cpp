// A month of flights through Neo, in C++: a part of `cargo xtask demo`.
//
//     flights FILE REPEATS
//
// Publishes every flight of FILE (examples/data/README.md, unpacked) REPEATS times, as fast as it
// goes, to the same subscribers as the demo in Rust: one on all of JFK, a queue group of three on
// everything, a view of the newest of each topic, and one that is too slow on purpose. The service
// `delays` answers with the mean delay of a carrier. Prints one line of JSON: what each of them
// counted.
#include "reader.hpp"

#include <iostream>
#include <limits>
#include <list>

namespace {

using namespace std::chrono_literals;

constexpr char url[] = "mem://flights";
constexpr auto send_timeout = 10s;

// The answer to `mean`.
struct mean {
    double minutes;
    std::uint64_t departed;   // flights that it is the mean of
};

// The service: the mean delay of a carrier, by what the desks have added up so far.
void answer(std::list<reader> &members, const neo::request &request)
{
    month::carrier carrier;
    if (request.method() != "mean" || request.text().size() != carrier.size()) {
        request.fail("it answers `mean` of a carrier").value();
        return;
    }
    request.text().copy(carrier.data(), carrier.size());
    month::delays sum;
    for (reader &desk : members) {
        sum.merge(desk.of(carrier));
    }
    if (sum.departed == 0) {
        request.fail("no flight of it departed so far").value();
        return;
    }
    mean of{static_cast<double>(sum.minutes) / static_cast<double>(sum.departed), sum.departed};
    request.reply(neo::payload::of(of)).value();
}

// What a publisher was told, in all.
struct told {
    std::uint64_t messages = 0, dropped = 0, timed_out = 0;
};

// A flight of the file, as it is published.
struct row {
    const neo::publisher *publisher;
    month::encoded message;
};

void publish(const std::vector<row> &rows, told &sent)
{
    for (const auto &[publisher, message] : rows) {
        neo::published one = publisher->publish(message).value();
        sent.messages += one.messages;
        sent.dropped += one.dropped;
        sent.timed_out += one.timed_out;
    }
}

class stage {
public:
    stage() : jfk_(jfk, readers_), board_(board, readers_), slow_(slow, readers_)
    {
        jfk_.start_adding_up();
        for (int member = 0; member < 3; ++member) {
            desks_.emplace_back(desks, readers_).start_adding_up();
        }
        slow_.start_dawdling(readers_);
        auto serve = [this](const neo::request &request) { answer(desks_, request); };
        service_ = neo::server::start(kernel_, "delays", serve).value();
    }

    // Whatever becomes of it, nobody waits for messages that will not come.
    ~stage()
    {
        static_cast<void>(readers_.close());
        static_cast<void>(kernel_.close());
    }

    // Publishes them all, and waits until the last message was added up.
    void play(const std::vector<month::flight> &flights, std::uint64_t repeats)
    {
        neo::publisher_options options;
        options.send_timeout = send_timeout;
        std::map<std::string, neo::publisher> publishers;
        std::vector<row> rows;
        for (const month::flight &flight : flights) {
            auto [at, is_new] = publishers.try_emplace(flight.topic());
            if (is_new) {
                at->second = kernel_.publisher(at->first, options).value();
            }
            rows.push_back({&at->second, flight.encode()});
        }
        auto began = std::chrono::steady_clock::now();
        for (std::uint64_t repeat = 0; repeat < repeats; ++repeat) {
            publish(rows, sent_);
            board_.refresh(newest_);
        }
        readers_.close().value();
        jfk_.join();
        for (reader &desk : desks_) {
            desk.join();
            all_.merge(desk.sums());
        }
        seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        board_.refresh(newest_);
        slow_.join();
    }

    void print(std::ostream &out)
    {
        // As many digits as tell any two numbers apart.
        out.precision(std::numeric_limits<double>::max_digits10);
        out << "{\"published\":" << sent_.messages << ",\"dropped\":" << sent_.dropped
            << ",\"timed_out\":" << sent_.timed_out << ",\"seconds\":" << seconds_;
        print_tally(out, jfk.name, jfk_.sums());
        print_tally(out, desks.name, all_);
        print_means(out);
        print_board(out);
        print_accounts(out);
        out << "}\n";
    }

private:
    static void print_tally(std::ostream &out, const char *name, const month::tally &sums)
    {
        out << ",\"" << name << "\":{\"total\":" << sums.total << ",\"carriers\":";
        month::print(out, sums.carriers);
        out << ",\"routes\":";
        month::print(out, sums.routes);
        out << '}';
    }

    void print_means(std::ostream &out) const
    {
        const char *comma = "";
        out << ",\"means\":{";
        for (const auto &[carrier, sums] : all_.carriers) {
            auto reply = kernel_.call("delays", "mean", month::text(carrier));
            if (!reply && reply.error() == neo::errc::service) {
                continue;
            }
            mean of = reply.value().as<mean>().value();
            out << comma << '"' << month::text(carrier) << "\":[" << of.minutes << ','
                << of.departed << ']';
            comma = ",";
        }
        out << '}';
    }

    void print_board(std::ostream &out) const
    {
        auto delay = [](std::int16_t minutes) {
            return minutes == month::missing ? "null" : std::to_string(minutes);
        };
        const char *comma = "";
        out << ",\"board\":{";
        for (const auto &[topic, flight] : newest_) {
            out << comma << '"' << topic << "\":[" << flight.scheduled << ','
                << delay(flight.departure_delay) << ',' << delay(flight.arrival_delay) << ','
                << flight.number << ']';
            comma = ",";
        }
        out << '}';
    }

    // What the kernel counted for each role, beside what its readers did.
    void print_accounts(std::ostream &out)
    {
        neo::counters counters = kernel_.counters().value();
        reading of_desks;
        for (reader &desk : desks_) {
            reading one = desk.count();
            of_desks.received += one.received;
            of_desks.told_lost += one.told_lost;
        }
        out << ",\"accounts\":{";
        print_account(out, counters, jfk, jfk_.count());
        print_account(out << ',', counters, desks, of_desks);
        print_account(out << ',', counters, board, board_.count());
        print_account(out << ',', counters, slow, slow_.count());
        out << '}';
    }

    static void print_account(std::ostream &out, const neo::counters &counters, const role &as,
                              const reading &read)
    {
        for (const neo::route &route : counters.routes()) {
            if (route.pattern == as.pattern && route.group == as.group.value_or("") &&
                route.policy == as.policy) {
                out << '"' << as.name << "\":{\"received\":" << read.received
                    << ",\"told_lost\":" << read.told_lost << ",\"delivered\":" << route.delivered
                    << ",\"lost\":" << route.lost << ",\"timed_out\":" << route.timed_out
                    << ",\"queued\":" << route.queued << '}';
                return;
            }
        }
        throw std::runtime_error(std::string(as.name) + " has no counters");
    }

    neo::kernel kernel_ = neo::kernel::open(url).value();
    // The subscribers' own open of it: closing it lets them finish what is queued.
    neo::kernel readers_ = neo::kernel::open(url).value();
    reader jfk_;
    std::list<reader> desks_;
    reader board_, slow_;
    neo::server service_;
    std::map<std::string, month::flight> newest_;
    month::tally all_;
    told sent_;
    double seconds_ = 0;
};

} // namespace

int main(int count, char **words)
{
    std::size_t end = 0;
    try {
        if (count != 3) {
            throw std::invalid_argument("usage: flights FILE REPEATS");
        }
        unsigned long long repeats = std::stoull(words[2], &end);
        if (repeats == 0 || words[2][end] != '\0') {
            throw std::invalid_argument("REPEATS must be a number from 1");
        }
        stage all;
        all.play(month::load(words[1]), repeats);
        all.print(std::cout);
    } catch (const std::exception &failed) {
        std::cerr << "flights (C++): " << failed.what() << '\n';
        return 1;
    }
    if (std::uint64_t left = neo_debug_live(NEO_LIVE_ALL); left != 0) {
        std::cerr << "flights (C++): " << left << " objects of Neo are left\n";
        return 1;
    }
}
