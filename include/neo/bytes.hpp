/// @file
/// Bytes that are read and written, and how long to wait.
#ifndef NEO_BYTES_HPP
#define NEO_BYTES_HPP

#include "config.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string_view>
#include <type_traits>

#if NEO_HAS_SPAN
#include <span>
#endif

namespace neo {
inline namespace NEO_NAMESPACE {

#if NEO_HAS_SPAN
/// Bytes that something else holds: `std::span`.
using bytes = std::span<const std::byte>;
/// Bytes to write that something else holds: `std::span`.
using mutable_bytes = std::span<std::byte>;
#else
namespace detail {
/// What is used most of `std::span`, under the same names.
template <typename Byte>
class view {
public:
    using element_type = Byte;
    using value_type = std::byte;
    using iterator = Byte *;

    constexpr view() noexcept = default;
    constexpr view(Byte *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <typename Other, typename = std::enable_if_t<std::is_same_v<const Other, Byte>>>
    constexpr view(view<Other> other) noexcept : data_(other.data()), size_(other.size())
    {
    }

    [[nodiscard]] constexpr Byte *data() const noexcept { return data_; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr std::size_t size_bytes() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr Byte *begin() const noexcept { return data_; }
    [[nodiscard]] constexpr Byte *end() const noexcept { return data_ + size_; }
    [[nodiscard]] constexpr Byte &operator[](std::size_t at) const noexcept { return data_[at]; }
    [[nodiscard]] constexpr view first(std::size_t size) const noexcept { return {data_, size}; }
    [[nodiscard]] constexpr view subspan(std::size_t from) const noexcept
    {
        return {data_ + from, size_ - from};
    }

private:
    Byte *data_ = nullptr;
    std::size_t size_ = 0;
};
} // namespace detail

/// Bytes that something else holds: what of `std::span` is used most, under the same names.
using bytes = detail::view<const std::byte>;
/// Bytes to write that something else holds.
using mutable_bytes = detail::view<std::byte>;
#endif

/// Bytes that a function reads while it is called: text, or anything whose elements stand one
/// behind the other and can be copied as bytes (`std::vector<float>`, `std::array`, `neo::bytes`).
///
/// An array of `char` is text up to its NUL; for bytes that may hold NUL give their number.
class payload {
public:
    /// No bytes.
    constexpr payload() noexcept = default;

    /// `size` bytes.
    payload(const void *data, std::size_t size) noexcept
        : slice_{static_cast<const std::uint8_t *>(data), size}
    {
    }
    /// Text that ends in NUL, which is not part of it.
    payload(const char *text) noexcept : payload(std::string_view(text)) {}
    /// Text.
    payload(std::string_view text) noexcept : payload(text.data(), text.size()) {}
    /// The elements of a container.
    template <typename Container,
              typename Element = std::remove_pointer_t<decltype(std::data(
                  std::declval<const Container &>()))>,
              typename = std::enable_if_t<std::is_trivially_copyable_v<Element> &&
                                          !std::is_pointer_v<std::remove_cv_t<Element>> &&
                                          !std::is_convertible_v<const Container &, const char *>>>
    payload(const Container &container) noexcept
        : payload(std::data(container), std::size(container) * sizeof(Element))
    {
    }

    /// The bytes of one value, padding included.
    template <typename T>
    [[nodiscard]] static payload of(const T &value) noexcept
    {
        static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>,
                      "only what can be copied as bytes can be sent as bytes");
        return {&value, sizeof value};
    }

    /// The first byte.
    [[nodiscard]] const std::uint8_t *data() const noexcept { return slice_.data; }
    /// How many.
    [[nodiscard]] std::size_t size() const noexcept { return slice_.len; }
    /// As neo.h has it.
    [[nodiscard]] const neo_slice_t *raw() const noexcept { return &slice_; }

private:
    neo_slice_t slice_{nullptr, 0};
};
// Many payloads are handed to neo.h as an array of slices.
static_assert(sizeof(payload) == sizeof(neo_slice_t) && std::is_standard_layout_v<payload>);

/// See `neo::forever`.
struct forever_t {
    explicit forever_t() = default;
};
/// Wait until it happens.
inline constexpr forever_t forever{};

/// How long to wait: a duration of `std::chrono`, or `neo::forever`.
///
/// Zero tries and does not wait; so does a negative duration, such as what is left of a deadline
/// that has passed. More than 291 years is as long as can be.
class timeout {
public:
    /// Waits for at most this long.
    template <typename Rep, typename Period>
    constexpr timeout(std::chrono::duration<Rep, Period> duration) noexcept
        : ns_(nanoseconds(duration))
    {
    }
    /// Waits until it happens.
    constexpr timeout(forever_t) noexcept : ns_(NEO_FOREVER) {}

    /// In nanoseconds, as neo.h has it.
    [[nodiscard]] constexpr std::int64_t ns() const noexcept { return ns_; }

private:
    template <typename Duration>
    static constexpr std::int64_t nanoseconds(Duration duration) noexcept
    {
        // Whether it fits is asked of a double: the conversion of integers would overflow.
        constexpr double longest = 9.2e18;
        double wanted = std::chrono::duration<double, std::nano>(duration).count();
        if (!(wanted > 0)) {
            return 0;
        }
        if (wanted >= longest) {
            return std::numeric_limits<std::int64_t>::max();
        }
        return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
    }

    std::int64_t ns_;
};

namespace detail {
inline neo_slice_t slice(std::string_view text) noexcept
{
    // An empty text is a text, which a view of nothing must be too.
    return neo_slice(text.data() == nullptr ? "" : text.data(), text.size());
}
inline std::string_view text(neo_slice_t slice) noexcept
{
    return {reinterpret_cast<const char *>(slice.data), slice.len};
}
inline bytes view_of(neo_slice_t slice) noexcept
{
    return {reinterpret_cast<const std::byte *>(slice.data), slice.len};
}
} // namespace detail

} // namespace NEO_NAMESPACE
} // namespace neo

#endif
