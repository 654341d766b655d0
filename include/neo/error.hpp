/// @file
/// What went wrong: a code to act on and a text for a person.
#ifndef NEO_ERROR_HPP
#define NEO_ERROR_HPP

#include "config.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace neo {
inline namespace NEO_NAMESPACE {

/// What a function says. Numbers are those of neo.h and frozen; later versions may add some, so
/// a `switch` needs its `default`.
///
/// Each is a `std::error_code` of `neo::category()` by itself, and compares with `std::errc`:
/// `std::error_code(neo::errc::timeout) == std::errc::timed_out`.
enum class errc : std::int32_t {
    ok = NEO_OK,                         ///< Done.
    invalid = NEO_E_INVALID,             ///< An argument is not valid, or the handle is empty.
    too_large = NEO_E_TOO_LARGE,         ///< A message is larger than a limit.
    full = NEO_E_FULL,                   ///< Memory, a table or a mailbox has no room.
    timeout = NEO_E_TIMEOUT,             ///< The time given has passed.
    closed = NEO_E_CLOSED,               ///< The handle or its kernel is closed.
    detached = NEO_E_DETACHED,           ///< The subscription was full and has been closed.
    no_responder = NEO_E_NO_RESPONDER,   ///< Nobody serves what was called.
    no_reply = NEO_E_NO_REPLY,           ///< The service dropped the request unanswered.
    peer_died = NEO_E_PEER_DIED,         ///< The process that worked on the call died.
    service = NEO_E_SERVICE,             ///< The service answered with an error: its text.
    panicked = NEO_E_PANICKED,           ///< The service's handler panicked.
    unsupported = NEO_E_UNSUPPORTED,     ///< This kind of kernel cannot do that.
    os = NEO_E_OS,                       ///< The operating system refused.
    forked = NEO_E_FORKED,               ///< The handle belongs to the parent process.
    interrupted = NEO_E_INTERRUPTED,     ///< A hook ended the wait; not in C++.
    misuse = NEO_E_MISUSE,               ///< The handle cannot be used like this.
    internal = NEO_E_INTERNAL,           ///< A defect of the library; give the handle up.
    bad_handle = NEO_E_BAD_HANDLE,       ///< The pointer is no live handle of this type.
    version = NEO_E_VERSION,             ///< The header and the library are of different versions.
    not_found = NEO_E_NOT_FOUND,         ///< Nothing has that name.
};

/// Why a function failed: its code, and a text that names the value, the limit and what to do.
///
/// It holds its text in itself, so that nothing is allocated where something fails: 256 bytes.
class error {
public:
    /// No error: `errc::ok`, without a text.
    error() noexcept
    {
        // The rest of the text stays unwritten: this is made anew for each call of the library.
        raw_.struct_size = static_cast<std::uint32_t>(sizeof raw_);
        raw_.code = NEO_OK;
        raw_.os_errno = 0;
        raw_.len = 0;
        raw_.msg[0] = '\0';
    }

    /// An error of a program's own, such as what a handler answers. A text of more than 239 bytes
    /// is cut at the end of a character.
    error(errc code, std::string_view text) noexcept
    {
        raw_ = NEO_ERROR_INIT;
        raw_.code = static_cast<std::int32_t>(code);
        std::size_t len = text.size();
        if (len >= sizeof raw_.msg) {
            len = sizeof raw_.msg - 1;
            while (len > 0 && (static_cast<unsigned char>(text[len]) & 0xC0U) == 0x80U) {
                --len;
            }
        }
        if (len > 0) {
            std::memcpy(raw_.msg, text.data(), len);
        }
        raw_.len = static_cast<std::uint32_t>(len);
    }

    /// An error that only has a code; the text says what the code means.
    explicit error(errc code) noexcept
        : error(code, NEO_FN(status_str)(static_cast<neo_status_t>(code)))
    {
    }

    /// What to act on.
    [[nodiscard]] errc code() const noexcept { return static_cast<errc>(raw_.code); }

    /// With `errc::os`, the `errno` that the operating system gave as the reason:
    /// `std::error_code(error.os_errno(), std::system_category())`. 0 where no call of the system is
    /// what failed, and with other codes.
    [[nodiscard]] int os_errno() const noexcept { return raw_.os_errno; }

    /// What to show a person. Valid as long as this error.
    [[nodiscard]] std::string_view message() const & noexcept { return {raw_.msg, raw_.len}; }
    std::string_view message() const && = delete;

    /// The symbol of the code, such as "NEO_E_CLOSED". Static text.
    [[nodiscard]] const char *name() const noexcept { return NEO_FN(status_name)(raw_.code); }

    /// Whether it is an error at all.
    explicit operator bool() const noexcept { return raw_.code != NEO_OK; }

    friend bool operator==(const error &of, errc code) noexcept { return of.code() == code; }
    friend bool operator!=(const error &of, errc code) noexcept { return of.code() != code; }

    /// Where a function of neo.h writes.
    [[nodiscard]] neo_error_t *raw() noexcept { return &raw_; }

    /// This error, if the function that returned `status` wrote it; else what the status means.
    [[nodiscard]] error of(neo_status_t status) const noexcept
    {
        return raw_.code == status ? *this : error(static_cast<errc>(status));
    }

private:
    neo_error_t raw_;
};

namespace detail {
class error_category final : public std::error_category {
public:
    const char *name() const noexcept override { return "neo"; }

    std::string message(int code) const override { return NEO_FN(status_str)(code); }

    std::error_condition default_error_condition(int code) const noexcept override
    {
        switch (static_cast<errc>(code)) {
        case errc::invalid: return std::errc::invalid_argument;
        case errc::too_large: return std::errc::message_size;
        case errc::full: return std::errc::no_buffer_space;
        case errc::timeout: return std::errc::timed_out;
        case errc::unsupported: return std::errc::operation_not_supported;
        case errc::interrupted: return std::errc::interrupted;
        default: return {code, *this};
        }
    }
};
} // namespace detail

/// The category of the codes: its name is "neo".
[[nodiscard]] inline const std::error_category &category() noexcept
{
    static const detail::error_category category;
    return category;
}

/// Makes a code one of `std::error_code`, which finds this function by itself.
[[nodiscard]] inline std::error_code make_error_code(errc code) noexcept
{
    return {static_cast<int>(code), category()};
}

} // namespace NEO_NAMESPACE
} // namespace neo

template <>
struct std::is_error_code_enum<neo::errc> : std::true_type {};

#endif
