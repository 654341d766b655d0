/// @file
/// What a function returns that can fail.
#ifndef NEO_RESULT_HPP
#define NEO_RESULT_HPP

#include "error.hpp"

#if NEO_HAS_EXPECTED
#include <expected>
#else
#include <cassert>
#include <cstdlib>
#include <exception>
#include <utility>
#include <variant>
#endif

namespace neo {
inline namespace NEO_NAMESPACE {

#if NEO_HAS_EXPECTED

/// A value, or why there is none: `std::expected`.
template <typename T>
using result = std::expected<T, error>;

/// What a function returns that failed: converts to every `result`.
using failure = std::unexpected<error>;

/// What `value()` throws where there is none, if exceptions are on.
using bad_result = std::bad_expected_access<error>;

#else

/// What `value()` throws where there is none, if exceptions are on.
class bad_result : public std::exception {
public:
    /// Holds the error that stood in place of the value.
    explicit bad_result(const neo::error &error) noexcept : error_(error) {}

    /// The text of the error.
    [[nodiscard]] const char *what() const noexcept override { return error_.message().data(); }

    /// The error.
    [[nodiscard]] const neo::error &error() const noexcept { return error_; }

private:
    neo::error error_;
};

/// What a function returns that failed: converts to every `result`.
class failure {
public:
    /// Holds why.
    explicit failure(const neo::error &error) noexcept : error_(error) {}

    /// Why.
    [[nodiscard]] const neo::error &error() const noexcept { return error_; }

private:
    neo::error error_;
};

namespace detail {
[[noreturn]] inline void no_value(const error &error)
{
#if NEO_HAS_EXCEPTIONS
    throw bad_result(error);
#else
    static_cast<void>(error);
    std::abort();
#endif
}
} // namespace detail

/// A value, or why there is none: what of `std::expected` is used most, under the same names.
///
/// `*` and `->` are for a result that was asked; without a value they are undefined, as those of
/// `std::expected` are. `value()` throws `bad_result`, and where exceptions are off it aborts.
template <typename T>
class result {
public:
    /// The type of the value.
    using value_type = T;
    /// The type of the error.
    using error_type = neo::error;

    /// A value.
    template <typename U = T, typename = std::enable_if_t<
                                  std::is_constructible_v<T, U &&> &&
                                  !std::is_same_v<std::decay_t<U>, result> &&
                                  !std::is_same_v<std::decay_t<U>, failure>>>
    result(U &&value) : state_(std::in_place_index<0>, std::forward<U>(value))
    {
    }
    /// Why there is none.
    result(const failure &failure) noexcept : state_(std::in_place_index<1>, failure.error()) {}

    /// Whether there is a value.
    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    /// The same.
    explicit operator bool() const noexcept { return has_value(); }

    /// The value, which is there.
    [[nodiscard]] T &operator*() & noexcept { return *get(); }
    /// The same.
    [[nodiscard]] const T &operator*() const & noexcept { return *get(); }
    /// The same.
    [[nodiscard]] T &&operator*() && noexcept { return std::move(*get()); }
    /// A member of the value, which is there.
    [[nodiscard]] T *operator->() noexcept { return get(); }
    /// The same.
    [[nodiscard]] const T *operator->() const noexcept { return get(); }

    /// The value; throws `bad_result` if there is none.
    [[nodiscard]] T &value() & { return check(), *get(); }
    /// The same.
    [[nodiscard]] const T &value() const & { return check(), *get(); }
    /// The same.
    [[nodiscard]] T &&value() && { return check(), std::move(*get()); }
    /// The value, or another one.
    template <typename U>
    [[nodiscard]] T value_or(U &&otherwise) &&
    {
        return has_value() ? std::move(*get()) : static_cast<T>(std::forward<U>(otherwise));
    }

    /// Why there is no value; only if there is none.
    [[nodiscard]] const neo::error &error() const & noexcept
    {
        assert(!has_value());
        return *std::get_if<1>(&state_);
    }
    /// The same.
    [[nodiscard]] neo::error &&error() && noexcept
    {
        assert(!has_value());
        return std::move(*std::get_if<1>(&state_));
    }

private:
    T *get() noexcept
    {
        assert(has_value());
        return std::get_if<0>(&state_);
    }
    const T *get() const noexcept
    {
        assert(has_value());
        return std::get_if<0>(&state_);
    }
    void check() const
    {
        if (!has_value()) {
            detail::no_value(error());
        }
    }

    std::variant<T, neo::error> state_;
};

/// Nothing, or why it failed.
template <>
class result<void> {
public:
    /// The type of the value.
    using value_type = void;
    /// The type of the error.
    using error_type = neo::error;

    /// It succeeded.
    result() noexcept = default;
    /// It failed.
    result(const failure &failure) noexcept : error_(failure.error()) {}

    /// Whether it succeeded.
    [[nodiscard]] bool has_value() const noexcept { return !error_; }
    /// The same.
    explicit operator bool() const noexcept { return has_value(); }
    /// Nothing; throws `bad_result` if it failed.
    void value() const
    {
        if (error_) {
            detail::no_value(error_);
        }
    }

    /// Why it failed; only if it did.
    [[nodiscard]] const neo::error &error() const & noexcept
    {
        assert(!has_value());
        return error_;
    }
    /// The same.
    [[nodiscard]] neo::error &&error() && noexcept
    {
        assert(!has_value());
        return std::move(error_);
    }

private:
    neo::error error_;
};

#endif

/// What a handler returns to answer with an error: its caller gets `errc::service` with this text.
///
/// @code
/// auto find = [](const neo::request &request) -> neo::result<std::string> {
///     if (request.text() == "42") return "Ada";
///     return neo::fail("there is no such user");
/// };
/// @endcode
[[nodiscard]] inline failure fail(std::string_view text) noexcept
{
    return failure(error(errc::service, text));
}

namespace detail {
/// The result of a function that gives nothing but a status.
inline result<void> done(neo_status_t status, const error &error)
{
    if (status == NEO_OK) {
        return {};
    }
    return failure(error.of(status));
}
} // namespace detail

} // namespace NEO_NAMESPACE
} // namespace neo

#endif
