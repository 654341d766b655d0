/// @file neo.hpp
/// Neo, an embeddable messaging kernel: the C++ interface, over neo.h. Header-only, from C++17 on.
///
/// @code
/// #include <neo.hpp>
/// #include <cstdio>
///
/// int main()
/// {
///     auto kernel = neo::kernel::open("mem://");
///     if (!kernel) return std::puts(kernel.error().name()), 1;
///     auto readings = kernel->subscribe("readings.*");
///     if (!readings) return std::puts(readings.error().name()), 1;
///     auto sent = kernel->publish("readings.indoor", "20.5");
///     auto message = readings->recv();
///     if (!message) return std::puts(message.error().name()), 1;
///     std::printf("%.*s\n", static_cast<int>(message->text().size()), message->text().data());
/// }
/// @endcode
///
/// What holds for everything in it:
///
/// - **Handles** (`kernel`, `publisher`, `subscription`, `service`, `message`, `request`, `loan`,
///   `poller` ...) are moved, not copied, and give back what they hold when they are destroyed, in
///   any order; `clone()` makes one more. A handle that is empty, because it was moved from or used
///   up, may be called: it fails with `errc::invalid`.
/// - **Closing** is not destroying: `close()` stops something, on any thread, and wakes who waits
///   there with `errc::closed`. Closing twice does nothing.
/// - **Results.** What can fail returns `neo::result`, which is `std::expected` where the library
///   has it. Nothing is thrown, but by `value()` and by the standard library when memory is used
///   up; it compiles without exceptions and without run-time type information.
/// - **Threads.** The `const` functions of one handle may be called by any threads at once;
///   others, destruction included, as of any object by one thread. To end a wait on another thread,
///   `close()` and then destroy. `neo::server::start` starts threads, and so does opening a kernel
///   of `shm://`, one that sleeps, unless its options say otherwise; nothing else does.
/// - **Views** (`bytes`, `std::string_view`) point into the handle that returned them, so those
///   functions cannot be called on a temporary. Text is UTF-8 and does not end in NUL.
/// - **Times** are durations of `std::chrono` or `neo::forever`; zero and less does not wait.
/// - **fork().** Handles belong to the process that made them: in a child they fail with
///   `errc::forked` and may be destroyed.
/// - **Exceptions in handlers** are told to the caller of the service, and go no further.
#ifndef NEO_HPP
#define NEO_HPP

#include "neo/bytes.hpp"
#include "neo/counters.hpp"
#include "neo/error.hpp"
#include "neo/kernel.hpp"
#include "neo/message.hpp"
#include "neo/poller.hpp"
#include "neo/publisher.hpp"
#include "neo/result.hpp"
#include "neo/server.hpp"
#include "neo/service.hpp"
#include "neo/subscription.hpp"

namespace neo {
inline namespace NEO_NAMESPACE {

/// The version of the library, such as "0.1.0". Static text.
[[nodiscard]] inline const char *version() noexcept { return NEO_FN(version)(); }

} // namespace NEO_NAMESPACE
} // namespace neo

#endif
