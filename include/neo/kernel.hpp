/// @file
/// The kernel: what a URL names, and where everything begins.
#ifndef NEO_KERNEL_HPP
#define NEO_KERNEL_HPP

#include "counters.hpp"
#include "publisher.hpp"
#include "service.hpp"
#include "subscription.hpp"

namespace neo {
inline namespace NEO_NAMESPACE {

/// Limits of a kernel; what is not set is as the library has it.
struct kernel_options {
    /// Payload memory in bytes that the kernel takes at most; 256 MiB by default.
    std::uint64_t memory_bytes_max = NEO_DEFAULT64;
    /// Subscriptions, groups and services that may be open at a time; 131,072 by default.
    std::uint32_t subscriptions_max = NEO_DEFAULT32;
    /// Opens of one name at a time; 64 by default.
    std::uint32_t participants_max = NEO_DEFAULT32;
    /// Calls that may wait for an answer at a time; 1,024 by default.
    std::uint32_t calls_in_flight_max = NEO_DEFAULT32;
    /// How long a call waits for its answer; 5 s by default.
    std::optional<neo::timeout> call_timeout = std::nullopt;
    /// Starts no thread. A kernel of `shm://` starts one otherwise, which sleeps until another
    /// process dies, or wakes a poller of this one; without it call `kernel::maintain`. Threads that
    /// wait in a call of the library look themselves, every 5 ms.
    bool without_thread = false;
    /// Opens a name only if somebody has it open, with the limits that it has; `errc::not_found`
    /// otherwise.
    bool existing_only = false;
};

/// What `kernel::maintain` restored.
struct reclaimed {
    std::uint64_t participants = 0;   ///< Processes that were dead.
    std::uint64_t routes = 0;         ///< Subscriptions, groups and services that were closed.
    std::uint64_t claims = 0;         ///< Messages begun and not sent; each counts as lost.
    std::uint64_t blocks = 0;         ///< Blocks of memory that nothing referred to any more.
};

/// A messaging kernel. Any thread. What is made of it keeps what it needs of it, so handles may go
/// in any order; to end all of it, `close()`.
///
/// @code
/// neo::result<neo::kernel> kernel = neo::kernel::open("mem://");
/// if (!kernel) return kernel.error();
/// auto readings = kernel->subscribe("readings.*");
/// auto sent = kernel->publish("readings.indoor", "20.5");
/// @endcode
class kernel : public detail::shared_object<kernel, neo_kernel_t> {
public:
    /// None.
    kernel() noexcept = default;

    /// Opens the kernel that a URL names: `mem://` is private to the handle and its clones,
    /// `mem://NAME` is shared by every open of that name through one library, `shm://NAME` by the
    /// processes of one user on one host.
    /// `errc::invalid`, `errc::unsupported` for a scheme that is not served, `errc::full`,
    /// `errc::os`, `errc::version` if the library is older than this header.
    [[nodiscard]] static result<kernel> open(std::string_view url, kernel_options options = {})
    {
        return open_at(detail::slice(url), options);
    }

    /// Opens what the environment variable NEO_URL names, else `mem://default`.
    [[nodiscard]] static result<kernel> open_env(kernel_options options = {})
    {
        return open_at(neo_slice(nullptr, 0), options);
    }

    /// Makes a topic ready for publishing. `errc::invalid`, `errc::closed`.
    [[nodiscard]] neo::result<neo::publisher> publisher(std::string_view topic,
                                                        publisher_options options = {}) const
    {
        neo_pub_opts_t raw = NEO_PUB_OPTS_INIT;
        std::vector<neo_header_t> headers;
        for (const auto &[key, value] : options.headers) {
            headers.push_back({detail::slice(key), neo_slice(value.data(), value.size())});
        }
        raw.headers = headers.data();
        raw.header_count = headers.size();
        if (!options.traceparent.empty()) {
            raw.traceparent = detail::slice(options.traceparent);
        }
        raw.send_timeout_ns = options.send_timeout.ns();
        raw.stamp_time = options.stamp_time ? 1 : 0;
        error why;
        neo_pub_t *it = nullptr;
        neo_status_t status =
            NEO_FN(pub_open)(native_handle(), detail::slice(topic), &raw, &it, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        return neo::publisher::adopt(it);
    }

    /// Publishes one message to a topic by name, without waiting for room. A publisher is faster.
    /// As `publisher::publish`.
    [[nodiscard]] result<published> publish(std::string_view topic, payload payload) const
    {
        neo_kernel_t *it = native_handle();
        return detail::publish([&](neo_publish_result_t *result, neo_error_t *error) {
            return NEO_FN(publish_to)(it, detail::slice(topic), payload.data(), payload.size(),
                                      result, error);
        });
    }

    /// Subscribes to a pattern: `*` stands for one word, `>` at the end for all that follow. A
    /// publish that starts after this returned is delivered. `errc::invalid`, `errc::full`,
    /// `errc::closed`.
    [[nodiscard]] result<subscription> subscribe(std::string_view pattern,
                                                 subscribe_options options = {}) const
    {
        neo_sub_opts_t raw = NEO_SUB_OPTS_INIT;
        raw.depth = options.depth;
        raw.policy = static_cast<std::int32_t>(options.policy);
        raw.wait = static_cast<std::int32_t>(options.wait);
        raw.mailbox_bytes_max = options.mailbox_bytes_max;
        raw.pinned_bytes_max = options.pinned_bytes_max;
        if (options.group) {
            raw.group = detail::slice(*options.group);
        }
        error why;
        neo_sub_t *it = nullptr;
        neo_status_t status =
            NEO_FN(sub_open)(native_handle(), detail::slice(pattern), &raw, &it, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        return subscription::adopt(it);
    }

    /// Joins a service as a worker; the first one opens it. `errc::invalid`, `errc::full`,
    /// `errc::closed`. Who wants threads that answer: `neo::server`.
    [[nodiscard]] result<service> serve(std::string_view name, service_options options = {}) const
    {
        neo_service_opts_t raw = NEO_SERVICE_OPTS_INIT;
        raw.depth = options.depth;
        raw.wait = static_cast<std::int32_t>(options.wait);
        error why;
        neo_service_t *it = nullptr;
        neo_status_t status =
            NEO_FN(service_open)(native_handle(), detail::slice(name), &raw, &it, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        return service::adopt(it);
    }

    /// Calls a method of a service and waits for the answer, for as long as the kernel's options
    /// say.
    ///
    /// `errc::no_responder` at once if nobody serves it; `errc::service` with the service's text;
    /// `errc::timeout`, `errc::full`, `errc::no_reply`, `errc::panicked`, `errc::peer_died`,
    /// `errc::too_large`, `errc::closed`, `errc::invalid`.
    [[nodiscard]] result<message> call(std::string_view service, std::string_view method,
                                       payload payload) const
    {
        return call_with(service, method, payload, nullptr);
    }

    /// The same, waiting for at most `timeout`.
    [[nodiscard]] result<message> call(std::string_view service, std::string_view method,
                                       payload payload, neo::timeout timeout) const
    {
        neo_call_opts_t options = NEO_CALL_OPTS_INIT;
        options.timeout_ns = timeout.ns();
        return call_with(service, method, payload, &options);
    }

    /// Starts a call and does not wait for it; a `neo::poller` can. What is wrong with it is told
    /// by `pending_call::wait`.
    [[nodiscard]] result<pending_call> start_call(std::string_view service,
                                                  std::string_view method, payload payload) const
    {
        error why;
        neo_call_t *it = nullptr;
        neo_status_t status =
            NEO_FN(call_start)(native_handle(), detail::slice(service), detail::slice(method),
                               payload.data(), payload.size(), &it, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        return pending_call::adopt(it);
    }

    /// Takes a snapshot of the counters: per subscription, group and service, and of the whole.
    [[nodiscard]] neo::result<neo::counters> counters() const
    {
        error why;
        neo_counters_t *it = nullptr;
        neo_status_t status = NEO_FN(kernel_counters)(native_handle(), &it, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        return neo::counters::adopt(it);
    }

    /// Gives memory that nothing uses back to the system: how many bytes.
    result<std::uint64_t> trim() const
    {
        std::uint64_t freed = 0;
        error why;
        neo_status_t status = NEO_FN(kernel_trim)(native_handle(), &freed, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        return freed;
    }

    /// Puts right what dead processes left at a kernel of `shm://`, and fires the wakes that others
    /// asked for. Needed only if it was opened with `without_thread`, whenever `maintain_fd` is
    /// readable. `errc::os`. Waits for at most two seconds, for a process that was stopped while
    /// it opened or left the kernel.
    result<reclaimed> maintain() const
    {
        neo_reclaimed_t raw = NEO_RECLAIMED_INIT;
        error why;
        neo_status_t status = NEO_FN(kernel_maintain)(native_handle(), &raw, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        return reclaimed{raw.participants, raw.routes, raw.claims, raw.blocks};
    }

    /// Readable while there is something for `maintain` to do. Watch it, never read or close it.
    /// -1 for a kernel of one process, and where there are no descriptors.
    [[nodiscard]] int maintain_fd() const noexcept
    {
        return NEO_FN(kernel_maintain_fd)(native_handle());
    }

    /// The URL that it was opened with; empty if it is no kernel. Valid as long as this handle.
    [[nodiscard]] std::string_view url() const & noexcept
    {
        neo_slice_t url{nullptr, 0};
        static_cast<void>(NEO_FN(kernel_url)(native_handle(), &url));
        return detail::text(url);
    }
    std::string_view url() const && = delete;

    /// Whether it is closed; an empty handle is not.
    [[nodiscard]] bool is_closed() const noexcept
    {
        return NEO_FN(kernel_is_closed)(native_handle()) != 0;
    }

    /// Closes the kernel and all that was made of it: every waiter returns with `errc::closed`,
    /// what is queued can still be received, what was received stays valid. Closing twice does
    /// nothing. Does not wait.
    result<void> close() const
    {
        return detail::done(NEO_FN(kernel_close)(native_handle()), error());
    }

private:
    static result<kernel> open_at(neo_slice_t url, const kernel_options &options)
    {
        error why;
        neo_status_t status = NEO_FN(abi_check)(NEO_ABI_MAJOR, NEO_ABI_MINOR, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        neo_config_t config = NEO_CONFIG_INIT;
        config.memory_bytes_max = options.memory_bytes_max;
        config.subscriptions_max = options.subscriptions_max;
        config.participants_max = options.participants_max;
        config.calls_in_flight_max = options.calls_in_flight_max;
        config.without_thread = options.without_thread ? 1 : 0;
        config.existing_only = options.existing_only ? 1 : 0;
        if (options.call_timeout) {
            config.call_timeout_ns = options.call_timeout->ns();
        }
        neo_kernel_t *it = nullptr;
        status = NEO_FN(kernel_open)(url, &config, &it, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        return adopt(it);
    }

    result<message> call_with(std::string_view service, std::string_view method, payload payload,
                              const neo_call_opts_t *options) const
    {
        message reply;
        error why;
        neo_status_t status =
            NEO_FN(call)(native_handle(), detail::slice(service), detail::slice(method),
                         payload.data(), payload.size(), options, reply.raw(), sizeof(neo_view_t),
                         why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        return reply;
    }
};

} // namespace NEO_NAMESPACE
} // namespace neo

#endif
