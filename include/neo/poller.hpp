/// @file
/// Watching many sources at once, in an event loop or on a thread.
#ifndef NEO_POLLER_HPP
#define NEO_POLLER_HPP

#include "kernel.hpp"

#include <memory>

namespace neo {
inline namespace NEO_NAMESPACE {

/// What a poller took.
struct ready {
    std::size_t count = 0;      ///< Tokens that were written.
    bool interrupted = false;   ///< Whether `poller::interrupt` was called since.
};

/// Watches subscriptions, services, calls and rooms, and wakes its host once when the first of
/// them is ready. The host takes tokens, receives from what they stand for until nothing is there,
/// and arms again. Any thread; one thread takes and arms. What it watches it does not keep alive.
///
/// @code
/// std::uint64_t tokens[16];
/// for (;;) {
///     auto woken = poller.wait(neo::forever);          // or arm(), and the event loop on fd()
///     auto ready = poller.take(tokens, 16);
///     for (std::size_t i = 0; ready && i < ready->count; ++i) drain(tokens[i]);
/// }
/// @endcode
class poller : public detail::shared_object<poller, neo_poller_t> {
public:
    /// None.
    poller() noexcept = default;

    /// One with a descriptor for an event loop: see `fd`. `errc::os`, `errc::unsupported` where
    /// there are no descriptors.
    [[nodiscard]] static result<poller> open()
    {
        error why;
        neo_poller_t *it = nullptr;
        neo_status_t status = NEO_FN(poller_open)(&it, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        return adopt(it);
    }

    /// One that calls a function, at most once for each time that it was armed, on the thread that
    /// made something ready. The function must be `noexcept`, return soon, and not call Neo. It
    /// is destroyed when no wake will come any more, on any thread.
    template <typename Wake>
    [[nodiscard]] static result<poller> open(Wake wake)
    {
        static_assert(std::is_nothrow_invocable_v<Wake &>,
                      "the wake function is called by other threads, where nobody catches: "
                      "declare it noexcept");
        auto held = std::make_unique<Wake>(std::move(wake));
        error why;
        neo_poller_t *it = nullptr;
        neo_status_t status =
            NEO_FN(poller_open_wake)(called<Wake>, dropped<Wake>, held.get(), &it, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        static_cast<void>(held.release());
        return adopt(it);
    }

    /// Watches a subscription from now on; `take` calls it `token`. `errc::misuse` if the token is
    /// in use or another poller watches it.
    result<void> add(const subscription &source, std::uint64_t token) const
    {
        return add_by(NEO_FN(poller_add_sub), source.native_handle(), token);
    }
    /// Watches a worker of a service; the same.
    result<void> add(const service &source, std::uint64_t token) const
    {
        return add_by(NEO_FN(poller_add_service), source.native_handle(), token);
    }
    /// Watches a call, whose end makes it ready; the same.
    result<void> add(const pending_call &source, std::uint64_t token) const
    {
        return add_by(NEO_FN(poller_add_call), source.native_handle(), token);
    }
    /// Watches for room; the same.
    result<void> add(const room &source, std::uint64_t token) const
    {
        return add_by(NEO_FN(poller_add_room), source.native_handle(), token);
    }

    /// Stops watching. Tokens of it that were not taken are forgotten. `errc::invalid` if there is
    /// no such token.
    result<void> remove(std::uint64_t token) const
    {
        error why;
        neo_status_t status = NEO_FN(poller_remove)(native_handle(), token, why.raw());
        return detail::done(status, why);
    }

    /// The descriptor: readable from the wake until the next `arm`. Watch it, never read or close
    /// it; dup it to keep it longer than the poller. -1 if there is none.
    [[nodiscard]] int fd() const noexcept { return NEO_FN(poller_fd)(native_handle()); }

    /// Asks for one wake when something is ready. True: it will come. False: something is ready
    /// already, take now.
    [[nodiscard]] result<bool> arm() const
    {
        error why;
        neo_status_t status = NEO_FN(poller_arm)(native_handle(), why.raw());
        if (status < NEO_OK) {
            return failure(why.of(status));
        }
        return status == NEO_OK;
    }

    /// Writes up to `size` tokens of what is ready; the others are taken next time. Ready is a
    /// hint: another thread may have taken what was there. A closed source is reported until it is
    /// removed or destroyed.
    [[nodiscard]] result<ready> take(std::uint64_t *tokens, std::size_t size) const
    {
        error why;
        ready taken;
        std::uint8_t interrupted = 0;
        neo_status_t status = NEO_FN(poller_take)(native_handle(), tokens, size, &taken.count,
                                                  &interrupted, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        taken.interrupted = interrupted != 0;
        return taken;
    }

    /// Arms and waits until something is ready, on threads without an event loop; false if the
    /// time passed.
    [[nodiscard]] result<bool> wait(neo::timeout timeout = forever) const
    {
        error why;
        neo_status_t status = NEO_FN(poller_wait)(native_handle(), timeout.ns(), why.raw());
        if (status < NEO_OK) {
            return failure(why.of(status));
        }
        return status == NEO_OK;
    }

    /// Wakes the host although nothing is ready.
    result<void> interrupt() const
    {
        error why;
        neo_status_t status = NEO_FN(poller_interrupt)(native_handle(), why.raw());
        return detail::done(status, why);
    }

private:
    template <typename Wake>
    static void called(void *wake) noexcept
    {
        (*static_cast<Wake *>(wake))();
    }

    template <typename Wake>
    static void dropped(void *wake) noexcept
    {
        delete static_cast<Wake *>(wake);
    }

    template <typename Watch, typename Source>
    result<void> add_by(Watch watch, Source *source, std::uint64_t token) const
    {
        error why;
        neo_status_t status = watch(native_handle(), source, token, why.raw());
        return detail::done(status, why);
    }
};

} // namespace NEO_NAMESPACE
} // namespace neo

#endif
