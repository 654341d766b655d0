/// @file
/// The receiving end.
#ifndef NEO_SUBSCRIPTION_HPP
#define NEO_SUBSCRIPTION_HPP

#include "message.hpp"

#include <iterator>

namespace neo {
inline namespace NEO_NAMESPACE {

/// What happens when a subscription is full.
enum class policy : std::int32_t {
    standard = NEO_POLICY_DEFAULT,          ///< `drop_oldest`; in a group `block`.
    drop_oldest = NEO_POLICY_DROP_OLDEST,   ///< The oldest message makes room.
    drop_newest = NEO_POLICY_DROP_NEWEST,   ///< The new message is dropped.
    latest = NEO_POLICY_LATEST,             ///< Only the newest message of each topic is kept.
    block = NEO_POLICY_BLOCK,               ///< The publisher waits, for its send timeout at most.
    detach = NEO_POLICY_DETACH,             ///< It is closed: `errc::detached`.
};

/// How a receiver waits.
enum class wait : std::int32_t {
    adaptive = NEO_WAIT_ADAPTIVE,   ///< It spins for a moment, then sleeps.
    spin = NEO_WAIT_SPIN,           ///< It never sleeps: the lowest latency, for a core.
    park = NEO_WAIT_PARK,           ///< It sleeps at once.
};

/// Options of a subscription; what is not set is as the library has it.
struct subscribe_options {
    /// Messages that may wait, 1 to 65,536; 1,024 by default. With `policy::latest`: topics.
    std::uint32_t depth = NEO_DEFAULT32;
    /// What happens when it is full.
    neo::policy policy = neo::policy::standard;
    /// The queue group to join; each message goes to one of its members. None by default.
    std::optional<std::string_view> group = std::nullopt;
    /// Bytes that may wait in messages of more than 256 bytes; 1 MiB by default.
    std::uint64_t mailbox_bytes_max = NEO_DEFAULT64;
    /// Bytes of such messages that may be kept without being copied; 64 MiB by default.
    std::uint64_t pinned_bytes_max = NEO_DEFAULT64;
    /// How its receivers wait.
    neo::wait wait = neo::wait::adaptive;
};

class message_range;

/// The receiving end of a pattern. Any thread; a message goes to one caller. Unsubscribes with its
/// last handle.
///
/// @code
/// neo::result<neo::subscription> sub = kernel.subscribe("readings.*");
/// if (!sub) return sub.error();
/// for (neo::message &message : sub->messages()) handle(message);   // until it is closed
/// @endcode
class subscription : public detail::shared_object<subscription, neo_sub_t> {
public:
    /// None.
    subscription() noexcept = default;

    /// Receives the next message, waiting until one comes. `errc::closed` or `errc::detached` once
    /// nothing is left and nothing will come; `errc::misuse` while a borrowed batch is out.
    [[nodiscard]] result<message> recv() const
    {
        message received;
        error why;
        neo_status_t status = receive(received, NEO_FOREVER, why);
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        return received;
    }

    /// The same, waiting for at most `timeout`: nothing if it passed.
    [[nodiscard]] result<std::optional<message>> recv(neo::timeout timeout) const
    {
        std::optional<message> received(std::in_place);
        error why;
        neo_status_t status = receive(*received, timeout.ns(), why);
        if (status < NEO_OK) {
            return failure(why.of(status));
        }
        if (status != NEO_OK) {
            received.reset();
        }
        return received;
    }

    /// The same, without waiting.
    [[nodiscard]] result<std::optional<message>> try_recv() const
    {
        return recv(std::chrono::nanoseconds(0));
    }

    /// Receives up to `max` messages that are there, waiting for the first one. An error is in the
    /// batch.
    [[nodiscard]] neo::batch batch(std::size_t max, neo::timeout timeout = forever) const
    {
        neo::batch received(max);
        static_cast<void>(recv_into(received, timeout));
        return received;
    }

    /// The same, into a batch that is used again: as many as it has room for. How many came; 0 if
    /// the time passed. What it held is given back first.
    [[nodiscard]] result<std::size_t> recv_into(neo::batch &batch,
                                                neo::timeout timeout = forever) const
    {
        batch.clear();
        batch.error_ = error();
        neo_status_t status = NEO_FN(recv_batch)(native_handle(), batch.raw(), sizeof(message),
                                                 batch.capacity(), &batch.size_.value, timeout.ns(),
                                                 batch.error_.raw());
        if (status < NEO_OK) {
            batch.error_ = batch.error_.of(status);
            return failure(batch.error_);
        }
        return batch.size_.value;
    }

    /// Borrows up to `max` messages that are there, to be read in place, waiting for the first
    /// one: an empty batch if the time passed. At most half the mailbox.
    [[nodiscard]] result<borrowed_batch> borrow_batch(std::size_t max,
                                                      neo::timeout timeout = forever) const
    {
        borrowed_batch borrowed(max);
        error why;
        neo_batch_t *it = nullptr;
        neo_status_t status =
            NEO_FN(borrow_batch)(native_handle(), borrowed.raw(), sizeof(message_view), max,
                                 &borrowed.size_.value, &it, timeout.ns(), why.raw());
        if (status < NEO_OK) {
            return failure(why.of(status));
        }
        borrowed.it_ = detail::handle<neo_batch_t>(it);
        return borrowed;
    }

    /// The messages that come, one by one, until it is closed or `timeout` passes without one.
    [[nodiscard]] message_range messages(neo::timeout timeout = forever) const &;
    message_range messages(neo::timeout timeout = forever) const && = delete;

    /// Losses since the last message that no message has told; asking resets it.
    [[nodiscard]] result<std::uint64_t> take_lost() const
    {
        return number(NEO_FN(sub_take_lost));
    }

    /// Messages that wait to be received.
    [[nodiscard]] result<std::uint64_t> queued() const { return number(NEO_FN(sub_queued)); }

    /// The pattern that it was opened with; empty if it is no subscription. Valid as long as a
    /// handle of it lives.
    [[nodiscard]] std::string_view pattern() const & noexcept
    {
        neo_slice_t pattern{nullptr, 0};
        static_cast<void>(NEO_FN(sub_pattern)(native_handle(), &pattern));
        return detail::text(pattern);
    }
    std::string_view pattern() const && = delete;

    /// Unsubscribes: nothing arrives any more, what is queued is given up, and every waiting
    /// thread returns with `errc::closed`. Messages that were received stay valid. Closing twice
    /// does nothing.
    result<void> close() const
    {
        return detail::done(NEO_FN(sub_close)(native_handle()), error());
    }

private:
    friend class message_range;

    neo_status_t receive(message &into, std::int64_t timeout_ns, error &why) const noexcept
    {
        return NEO_FN(recv)(native_handle(), into.raw(), sizeof(neo_view_t), timeout_ns,
                            why.raw());
    }

    template <typename Ask>
    result<std::uint64_t> number(Ask ask) const
    {
        std::uint64_t count = 0;
        error why;
        neo_status_t status = ask(native_handle(), &count, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        return count;
    }
};

/// Messages as they come, to be iterated once; made by `subscription::messages`, which must live
/// longer. Each message is valid until the next step; to keep it, move it out.
class message_range {
public:
    /// Receives with each step.
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = message;
        using difference_type = std::ptrdiff_t;
        using pointer = message *;
        using reference = message &;

        iterator() noexcept = default;
        reference operator*() const noexcept { return range_->current_; }
        pointer operator->() const noexcept { return &range_->current_; }
        iterator &operator++()
        {
            if (!range_->step()) {
                range_ = nullptr;
            }
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(iterator a, iterator b) noexcept { return a.range_ == b.range_; }
        friend bool operator!=(iterator a, iterator b) noexcept { return a.range_ != b.range_; }

    private:
        friend class message_range;
        explicit iterator(message_range *range) noexcept : range_(range) {}
        message_range *range_ = nullptr;
    };

    /// Waits for the first message.
    [[nodiscard]] iterator begin() { return ++iterator(this); }
    /// Reached when it ended.
    [[nodiscard]] iterator end() noexcept { return {}; }

    /// Why it ended, such as `errc::closed`; `errc::ok` if the time passed, or it goes on.
    [[nodiscard]] const neo::error &error() const noexcept { return error_; }

private:
    friend class subscription;

    message_range(const subscription *from, std::int64_t timeout_ns) noexcept
        : from_(from), timeout_ns_(timeout_ns)
    {
    }

    bool step()
    {
        current_ = message();
        neo_status_t status = from_->receive(current_, timeout_ns_, error_);
        if (status < NEO_OK) {
            error_ = error_.of(status);
        }
        return status == NEO_OK;
    }

    const subscription *from_;
    std::int64_t timeout_ns_;
    message current_;
    neo::error error_;
};

inline message_range subscription::messages(neo::timeout timeout) const &
{
    return {this, timeout.ns()};
}

} // namespace NEO_NAMESPACE
} // namespace neo

#endif
