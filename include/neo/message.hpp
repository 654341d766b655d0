/// @file
/// What was received: messages, and batches of them.
#ifndef NEO_MESSAGE_HPP
#define NEO_MESSAGE_HPP

#include "bytes.hpp"
#include "handle.hpp"

#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace neo {
inline namespace NEO_NAMESPACE {

/// A header of a message. Its texts are valid as long as the message.
struct header {
    std::string_view key;   ///< UTF-8.
    bytes value;            ///< Any bytes.
};

/// What a message says, read in place. It owns nothing: it and all it returns are valid as long as
/// the `message` or the `borrowed_batch` that it is of.
class message_view {
public:
    /// The payload. At least 64-byte aligned unless it is empty.
    [[nodiscard]] bytes data() const noexcept { return detail::view_of(view_.data); }
    /// The payload as text.
    [[nodiscard]] std::string_view text() const noexcept { return detail::text(view_.data); }
    /// The topic that it was published to; empty in a reply.
    [[nodiscard]] std::string_view topic() const noexcept { return detail::text(view_.topic); }
    /// Its number in its stream; 0 outside streams.
    [[nodiscard]] std::uint64_t seq() const noexcept { return view_.seq; }
    /// Messages that the subscription lost between the one before and this one.
    [[nodiscard]] std::uint64_t lost_before() const noexcept { return view_.lost_before; }

    /// When it was sent; nothing unless its publisher stamps the time.
    [[nodiscard]] std::optional<std::chrono::system_clock::time_point> sent_at() const noexcept
    {
        if (view_.timestamp_ns == 0) {
            return std::nullopt;
        }
        using clock = std::chrono::system_clock;
        std::chrono::nanoseconds since(view_.timestamp_ns);
        return clock::time_point(std::chrono::duration_cast<clock::duration>(since));
    }

    /// A copy of the value that was sent as `payload::of`; nothing if the size is another one.
    template <typename T>
    [[nodiscard]] std::optional<T> as() const noexcept
    {
        static_assert(std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T>,
                      "only what can be copied as bytes can be read from bytes");
        if (view_.data.len != sizeof(T)) {
            return std::nullopt;
        }
        T value;
        std::memcpy(&value, view_.data.data, sizeof value);
        return value;
    }

protected:
    neo_view_t view_{};
};

/// A received message or a reply, which this owns: its bytes are valid as long as it lives, also
/// after its subscription and its kernel are gone. Immutable; any thread.
///
/// What its functions return points into it, so they cannot be called on a temporary.
///
/// @code
/// neo::result<neo::message> message = subscription.recv();
/// if (message) std::printf("%.*s\n", int(message->text().size()), message->text().data());
/// @endcode
class message : private message_view {
public:
    /// No message: everything is empty.
    message() noexcept = default;
    /// Takes over what `other` holds, which is then empty.
    message(message &&other) noexcept
    {
        view_ = std::exchange(other.view_, neo_view_t{});
    }
    /// The same; what this held is given back.
    message &operator=(message &&other) noexcept
    {
        neo_view_t taken = std::exchange(other.view_, neo_view_t{});
        NEO_FN(msg_release)(std::exchange(view_, taken).msg);
        return *this;
    }
    message(const message &) = delete;
    message &operator=(const message &) = delete;
    ~message()
    {
        if (view_.msg != nullptr) {
            NEO_FN(msg_release)(view_.msg);
        }
    }

    /// Whether it holds a message.
    explicit operator bool() const noexcept { return view_.msg != nullptr; }

    /// The payload. At least 64-byte aligned unless it is empty.
    [[nodiscard]] bytes data() const & noexcept { return message_view::data(); }
    bytes data() const && = delete;
    /// The payload as text.
    [[nodiscard]] std::string_view text() const & noexcept { return message_view::text(); }
    std::string_view text() const && = delete;
    /// The topic that it was published to; empty in a reply.
    [[nodiscard]] std::string_view topic() const & noexcept { return message_view::topic(); }
    std::string_view topic() const && = delete;

    using message_view::as;
    using message_view::lost_before;
    using message_view::sent_at;
    using message_view::seq;

    /// All of it, for functions that read messages of both kinds.
    [[nodiscard]] const message_view &view() const & noexcept { return *this; }
    const message_view &view() const && = delete;

    /// Header `index`, from 0, in the order in which they were added; a key may stand more than
    /// once. Nothing if there are fewer.
    [[nodiscard]] std::optional<header> header_at(std::size_t index) const & noexcept
    {
        neo_slice_t key, value;
        if (NEO_FN(msg_header)(view_.msg, index, &key, &value, nullptr) != NEO_OK) {
            return std::nullopt;
        }
        return header{detail::text(key), detail::view_of(value)};
    }
    std::optional<header> header_at(std::size_t index) const && = delete;

    /// The W3C trace context that it belongs to, as text of 55 letters; nothing without one.
    [[nodiscard]] std::optional<std::string> traceparent() const
    {
        char text[56];
        if (NEO_FN(msg_traceparent)(view_.msg, text, sizeof text, nullptr) != NEO_OK) {
            return std::nullopt;
        }
        return std::string(text);
    }

    /// One more handle of the same message, for another owner. Nothing is copied.
    [[nodiscard]] result<message> clone() const
    {
        neo_status_t status = NEO_FN(msg_retain)(view_.msg);
        if (status != NEO_OK) {
            return failure(error(static_cast<errc>(status)));
        }
        message second;
        second.view_ = view_;
        return second;
    }

    /// Where a function of neo.h writes a message, into an empty one.
    [[nodiscard]] neo_view_t *raw() noexcept { return &view_; }
};
// Batches hand an array of messages to neo.h.
static_assert(sizeof(message) == sizeof(neo_view_t) && std::is_standard_layout_v<message>);

/// Messages that were received by one call, owned and in order, and why there are none.
///
/// @code
/// for (neo::message &message : subscription.batch(64, 100ms)) handle(message);
/// @endcode
///
/// A batch that is kept is filled again and again without allocating: `subscription::recv_into`.
class batch {
public:
    /// Room for up to `capacity` messages.
    explicit batch(std::size_t capacity) : messages_(capacity) {}

    /// The first message.
    [[nodiscard]] message *begin() noexcept { return messages_.data(); }
    /// Behind the last message.
    [[nodiscard]] message *end() noexcept { return messages_.data() + size_.value; }
    /// The first message.
    [[nodiscard]] const message *begin() const noexcept { return messages_.data(); }
    /// Behind the last message.
    [[nodiscard]] const message *end() const noexcept { return messages_.data() + size_.value; }
    /// Message `at`, which must be below `size()`.
    [[nodiscard]] message &operator[](std::size_t at) noexcept { return messages_[at]; }
    /// The same.
    [[nodiscard]] const message &operator[](std::size_t at) const noexcept
    {
        return messages_[at];
    }
    /// How many came.
    [[nodiscard]] std::size_t size() const noexcept { return size_.value; }
    /// Whether none came.
    [[nodiscard]] bool empty() const noexcept { return size_.value == 0; }
    /// How many may come at once.
    [[nodiscard]] std::size_t capacity() const noexcept { return messages_.size(); }

    /// Why receiving failed; `errc::ok` if it did not, or if the time passed.
    [[nodiscard]] const neo::error &error() const noexcept { return error_; }

    /// Gives the messages back that were not moved out.
    void clear() noexcept
    {
        NEO_FN(msg_release_batch)(raw(), sizeof(message), size_.value);
        size_.value = 0;
    }

private:
    friend class subscription;

    [[nodiscard]] neo_view_t *raw() noexcept
    {
        return reinterpret_cast<neo_view_t *>(messages_.data());
    }

    std::vector<message> messages_;
    detail::count size_;
    neo::error error_;
};

/// Messages that are read where they lie in the mailbox, in order: nothing is copied or allocated
/// for each of them. While it lives its subscription is locked, and receiving fails with
/// `errc::misuse`.
class borrowed_batch {
public:
    /// None.
    borrowed_batch() noexcept = default;

    /// The first message.
    [[nodiscard]] const message_view *begin() const & noexcept { return views_.data(); }
    /// Behind the last message.
    [[nodiscard]] const message_view *end() const & noexcept { return views_.data() + size_.value; }
    /// How many came.
    [[nodiscard]] std::size_t size() const noexcept { return size_.value; }
    /// Whether none came.
    [[nodiscard]] bool empty() const noexcept { return size_.value == 0; }

private:
    friend class subscription;

    explicit borrowed_batch(std::size_t capacity) : views_(capacity) {}

    [[nodiscard]] neo_view_t *raw() noexcept
    {
        return reinterpret_cast<neo_view_t *>(views_.data());
    }

    // Given back before the views: members go in the opposite order.
    std::vector<message_view> views_;
    detail::count size_;
    detail::handle<neo_batch_t> it_;
};
static_assert(sizeof(message_view) == sizeof(neo_view_t) &&
              std::is_standard_layout_v<message_view>);

} // namespace NEO_NAMESPACE
} // namespace neo

#endif
