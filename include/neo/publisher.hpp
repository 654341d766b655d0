/// @file
/// The sending end: publishers, loans, and waiting for room.
#ifndef NEO_PUBLISHER_HPP
#define NEO_PUBLISHER_HPP

#include "bytes.hpp"
#include "handle.hpp"

#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace neo {
inline namespace NEO_NAMESPACE {

/// What became of what was published, added up over mailboxes.
struct published {
    std::uint64_t messages = 0;    ///< Messages that were published.
    std::uint32_t accepted = 0;    ///< Mailboxes that took a message.
    std::uint32_t dropped = 0;     ///< Refused, and older messages that made room.
    std::uint32_t timed_out = 0;   ///< Mailboxes without room until the send timeout had passed.
};

/// What became of many payloads.
struct published_many : published {
    /// What the next payload met, if not all were published.
    std::optional<neo::error> stopped;
};

namespace detail {
inline void read(published &into, const neo_publish_result_t &result) noexcept
{
    into.messages = result.messages;
    into.accepted = result.accepted;
    into.dropped = result.dropped;
    into.timed_out = result.timed_out;
}

/// Calls a function of neo.h that publishes one message.
template <typename Publish>
result<published> publish(Publish publish_one)
{
    // The rest is written if it is read.
    neo_publish_result_t result;
    result.struct_size = static_cast<std::uint32_t>(sizeof result);
    error why;
    neo_status_t status = publish_one(&result, why.raw());
    if (status != NEO_OK) {
        return failure(why.of(status));
    }
    published became;
    read(became, result);
    return became;
}
} // namespace detail

/// A message being written in the kernel's memory: nothing is copied when it is sent. Given up if
/// it is destroyed before. One thread at a time.
///
/// @code
/// neo::result<neo::loan> loan = publisher.loan(1 << 20);
/// if (!loan) return loan.error();
/// std::memset(loan->data().data(), 7, loan->data().size());
/// auto sent = loan->send();
/// @endcode
class loan : public detail::object<loan, neo_loan_t> {
public:
    /// No loan.
    loan() noexcept = default;
    /// Takes over what `other` holds, which is then empty.
    loan(loan &&other) noexcept : object(std::move(other))
    {
        data_ = std::exchange(other.data_, mutable_bytes());
    }
    /// The same; what this held is given up.
    loan &operator=(loan &&other) noexcept
    {
        it_ = std::move(other.it_);
        data_ = std::exchange(other.data_, mutable_bytes());
        return *this;
    }

    /// Where to write; at least 64-byte aligned unless it is empty. What it holds beforehand is
    /// not specified. Valid until the loan ends; empty afterwards.
    [[nodiscard]] mutable_bytes data() const & noexcept { return data_; }
    mutable_bytes data() const && = delete;

    /// Sends only the first `size` bytes. `errc::invalid` if fewer were lent.
    [[nodiscard]] result<void> truncate(std::size_t size)
    {
        error why;
        neo_status_t status = NEO_FN(loan_truncate)(native_handle(), size, why.raw());
        if (status == NEO_OK) {
            data_ = data_.first(size);
        }
        return detail::done(status, why);
    }

    /// Publishes the message and ends the loan, also if this fails; then as
    /// `publisher::publish`. Waits for the publisher's send timeout, at full mailboxes with
    /// `policy::block` only. `errc::invalid` if the loan had ended.
    [[nodiscard]] result<published> send()
    {
        data_ = mutable_bytes();
        neo_loan_t *it = it_.take();
        return detail::publish([it](neo_publish_result_t *result, neo_error_t *error) {
            return NEO_FN(loan_commit)(it, result, error);
        });
    }

    /// Gives the memory back and sends nothing.
    void abort() noexcept { *this = loan(); }

private:
    friend class publisher;

    mutable_bytes data_;
};

/// Watches for room: there is some when a message would have to wait at no full mailbox. Others
/// may take the room first. Any thread.
class room : public detail::shared_object<room, neo_room_t> {
public:
    /// None.
    room() noexcept = default;

    /// Waits for room; false if the time passed. `errc::closed` if the kernel is closed.
    [[nodiscard]] result<bool> wait(neo::timeout timeout = forever) const
    {
        error why;
        neo_status_t status = NEO_FN(room_wait)(native_handle(), timeout.ns(), why.raw());
        if (status < NEO_OK) {
            return failure(why.of(status));
        }
        return status == NEO_OK;
    }
};

/// Options of a publisher.
struct publisher_options {
    /// How long one publish may block at full mailboxes with `policy::block`.
    neo::timeout send_timeout = std::chrono::nanoseconds(0);
    /// Each message carries the wall clock of its sending.
    bool stamp_time = false;
    /// What each message carries beside its payload: at most 32, keys of 1 to 255 bytes, in 448
    /// bytes with the topic and 8 bytes for each. Read when the publisher is opened.
    std::vector<std::pair<std::string_view, payload>> headers = {};
    /// The W3C trace context of each message as text of 55 letters; empty for none.
    std::string_view traceparent = {};
};

/// A topic made ready for publishing. Any thread; order is kept for each publisher.
///
/// @code
/// neo::result<neo::publisher> pub = kernel.publisher("readings.indoor");
/// if (!pub) return pub.error();
/// auto sent = pub->publish("20.5");
/// if (sent && sent->dropped > 0) ...            // a slow subscriber lost something
/// @endcode
class publisher : public detail::shared_object<publisher, neo_pub_t> {
public:
    /// None.
    publisher() noexcept = default;

    /// Publishes one message: the payload is copied once, into the kernel's memory.
    ///
    /// Waits for the publisher's send timeout, at full mailboxes with `policy::block` only.
    /// `errc::full` if no mailbox took it and one had no room, or the memory is used up;
    /// `errc::too_large`, `errc::closed`.
    [[nodiscard]] result<published> publish(payload payload) const
    {
        return publish_with(payload, nullptr);
    }

    /// The same, waiting for room for at most `timeout` beforehand.
    [[nodiscard]] result<published> publish(payload payload, neo::timeout timeout) const
    {
        neo_send_opts_t options = NEO_SEND_OPTS_INIT;
        options.timeout_ns = timeout.ns();
        return publish_with(payload, &options);
    }

    /// Publishes payloads, each as a message of its own, in order, with one claim and one wake for
    /// many. Fails only if the very first one did; `stopped` says what a later one met.
    [[nodiscard]] result<published_many> publish_many(const payload *payloads,
                                                      std::size_t count) const
    {
        neo_publish_result_t result = NEO_PUBLISH_RESULT_INIT;
        error why;
        neo_status_t status = NEO_FN(publish_batchv)(
            native_handle(), reinterpret_cast<const neo_slice_t *>(payloads), count, &result,
            why.raw());
        if (status != NEO_OK && result.messages == 0) {
            return failure(why.of(status));
        }
        published_many became;
        detail::read(became, result);
        if (status != NEO_OK) {
            became.stopped = why.of(status);
        }
        return became;
    }
    /// The same: `pub.publish_many({"1", "2"})`.
    [[nodiscard]] result<published_many> publish_many(std::initializer_list<payload> list) const
    {
        return publish_many(list.begin(), list.size());
    }
    /// The same, of a container of `neo::payload`.
    template <typename Container, typename = decltype(std::data(std::declval<const Container &>()))>
    [[nodiscard]] result<published_many> publish_many(const Container &payloads) const
    {
        return publish_many(std::data(payloads), std::size(payloads));
    }

    /// Lends memory of the kernel to write a message of `size` bytes in place.
    /// `errc::full` if the memory is used up, `errc::too_large`, `errc::closed`.
    [[nodiscard]] neo::result<neo::loan> loan(std::size_t size) const
    {
        error why;
        neo_loan_t *it = nullptr;
        std::uint8_t *data = nullptr;
        neo_status_t status = NEO_FN(loan)(native_handle(), size, &it, &data, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        neo::loan lent = neo::loan::adopt(it);
        lent.data_ = mutable_bytes(reinterpret_cast<std::byte *>(data), size);
        return lent;
    }

    /// Watches for room for a message of `size` bytes.
    [[nodiscard]] neo::result<neo::room> room(std::size_t size) const
    {
        error why;
        neo_room_t *it = nullptr;
        neo_status_t status = NEO_FN(room_open)(native_handle(), size, &it, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        return neo::room::adopt(it);
    }

    /// Its topic; empty if it is no publisher. Valid as long as a handle of it lives.
    [[nodiscard]] std::string_view topic() const & noexcept
    {
        neo_slice_t topic{nullptr, 0};
        static_cast<void>(NEO_FN(pub_topic)(native_handle(), &topic));
        return detail::text(topic);
    }
    std::string_view topic() const && = delete;

private:
    result<published> publish_with(payload payload, const neo_send_opts_t *options) const
    {
        neo_pub_t *it = native_handle();
        return detail::publish([&](neo_publish_result_t *result, neo_error_t *error) {
            return NEO_FN(publish)(it, payload.data(), payload.size(), options, result, error);
        });
    }
};

} // namespace NEO_NAMESPACE
} // namespace neo

#endif
