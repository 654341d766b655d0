// What the tests share.
#ifndef SUPPORT_HPP
#define SUPPORT_HPP

#include <neo.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace support {

using namespace std::chrono_literals;

// Far beyond what any wait needs; one that reaches it has been lost.
inline constexpr auto limit = 60s;

// The value; a test that finds none fails with the reason, and the standard library ends it.
template <typename T>
T must(neo::result<T> &&result)
{
    EXPECT_TRUE(result.has_value()) << result.error().name() << ": " << result.error().message();
    return std::move(result).value();
}

inline void must(const neo::result<void> &result)
{
    EXPECT_TRUE(result.has_value()) << result.error().name() << ": " << result.error().message();
}

// What an operation that must fail says.
template <typename T>
neo::errc code_of(const neo::result<T> &result)
{
    return result.has_value() ? neo::errc::ok : result.error().code();
}

// A copy, of a message that is gone afterwards.
inline std::string text(const neo::message &message) { return std::string(message.text()); }

inline neo::kernel open_kernel() { return must(neo::kernel::open("mem://")); }

// Runs this program again in one of the modes of main.cpp.
struct child {
    explicit child(const std::vector<std::string> &arguments);
    ~child();
    // Waits for its end: its exit code, or 1000 and the signal that ended it.
    int wait();
    // A byte that it writes when it is where the test wants it.
    bool is_ready() const;
    int pid = -1;

private:
    int ready_ = -1;
};

} // namespace support

// Names for what goes wrong in the output of a failed test.
namespace neo {
inline void PrintTo(errc code, std::ostream *out)
{
    *out << neo_status_name(static_cast<neo_status_t>(code));
}
} // namespace neo

#endif
