// The subscribers of `flights.cpp`: what each does with the messages that it receives.
#ifndef READER_HPP
#define READER_HPP

#include "month.hpp"

#include <neo.hpp>

#include <chrono>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

// A subscription, or the three that form the group.
struct role {
    const char *name, *pattern;
    neo::policy policy;
    std::uint32_t depth;   // of the view: topics
    std::optional<std::string_view> group = std::nullopt;
};

inline constexpr role jfk{"jfk", "flights.JFK.>", neo::policy::block, 4096};
inline constexpr role desks{"desks", "flights.>", neo::policy::block, 4096, "desks"};
inline constexpr role board{"board", "flights.>", neo::policy::latest, 512};
inline constexpr role slow{"slow", "flights.>", neo::policy::drop_oldest, 64};

struct reading {
    std::uint64_t received = 0, told_lost = 0;
};

inline month::flight decode(neo::bytes data)
{
    return month::flight::decode(data.data(), data.size());
}

// A subscription and what its reader counted. Errors are thrown, where its thread is waited for.
class reader {
public:
    reader(const role &as, const neo::kernel &kernel)
        : subscription_(kernel.subscribe(as.pattern, options(as)).value())
    {
    }

    // Adds up every flight, a batch at a time, until the kernel closes and nothing is left.
    void start_adding_up()
    {
        start([this] {
            for (;;) {
                auto batch = subscription_.borrow_batch(batch_max);
                if (is_over(batch)) {
                    return;
                }
                std::lock_guard lock(mutex_);
                for (const neo::message_view &message : *batch) {
                    note(message);
                    sums_.add(decode(message.data()));
                }
            }
        });
    }

    // Takes a message, pauses, takes the next: too slow on purpose. It leaves what waits at the end.
    void start_dawdling(const neo::kernel &kernel)
    {
        start([this, &kernel] {
            while (!kernel.is_closed()) {
                auto message = subscription_.recv();
                if (is_over(message)) {
                    return;
                }
                note(message->view());
                static_cast<void>(decode(message->data()));
                std::this_thread::sleep_for(slow_pause);
            }
        });
    }

    // Takes what changed in a view since the last look, into the newest of each topic.
    void refresh(std::map<std::string, month::flight> &newest)
    {
        for (;;) {
            auto message = subscription_.try_recv();
            if (is_over(message) || !*message) {
                return;
            }
            note((*message)->view());
            newest.insert_or_assign(std::string((*message)->topic()), decode((*message)->data()));
        }
    }

    void join()
    {
        if (thread_.valid()) {
            thread_.get();
        }
    }

    month::delays of(const month::carrier &carrier)
    {
        std::lock_guard lock(mutex_);
        return sums_.of(carrier);
    }

    // Once it has ended.
    const month::tally &sums() const { return sums_; }

    reading count()
    {
        read_.told_lost += subscription_.take_lost().value();
        return read_;
    }

private:
    static constexpr std::size_t batch_max = 256;
    static constexpr std::chrono::milliseconds slow_pause{1};

    static neo::subscribe_options options(const role &as)
    {
        neo::subscribe_options options;
        options.policy = as.policy;
        options.depth = as.depth;
        options.group = as.group;
        return options;
    }

    template <typename T>
    static bool is_over(const neo::result<T> &received)
    {
        if (!received && received.error() != neo::errc::closed) {
            throw neo::bad_result(received.error());
        }
        return !received;
    }

    template <typename Work>
    void start(Work work)
    {
        thread_ = std::async(std::launch::async, [this, work] {
            try {
                work();
            } catch (...) {
                // So that no publisher waits for this reader.
                static_cast<void>(subscription_.close());
                throw;
            }
        });
    }

    void note(const neo::message_view &message)
    {
        ++read_.received;
        read_.told_lost += message.lost_before();
    }

    neo::subscription subscription_;
    std::mutex mutex_;
    month::tally sums_;
    reading read_;
    // The last member: its end is waited for before the others go.
    std::future<void> thread_;
};

#endif
