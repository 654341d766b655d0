/// @file
/// Counters of a kernel.
#ifndef NEO_COUNTERS_HPP
#define NEO_COUNTERS_HPP

#include "bytes.hpp"
#include "handle.hpp"
#include "subscription.hpp"

#include <vector>

namespace neo {
inline namespace NEO_NAMESPACE {

/// Counters of a whole kernel.
struct totals {
    std::uint64_t routes = 0;             ///< Subscriptions, groups and services.
    std::uint64_t late_replies = 0;       ///< Replies after their callers had given up.
    std::uint64_t expired_requests = 0;   ///< Requests whose callers had given up.
    std::uint64_t memory_bytes = 0;       ///< Payload memory in use.
    std::uint64_t committed_bytes = 0;    ///< Payload memory that is backed.
};

/// Counters of one subscription, group or service. Its texts are valid as long as the snapshot.
///
/// At rest: accepted = delivered + lost + queued, as far as mailboxes took a message.
struct route {
    std::string_view pattern;        ///< Its pattern, or the service's name.
    std::string_view group;          ///< Its group; empty if it is none.
    std::uint64_t depth = 0;         ///< Messages that it holds at most.
    std::uint64_t accepted = 0;      ///< Messages that entered the mailbox.
    std::uint64_t delivered = 0;     ///< Messages that a receiver took.
    std::uint64_t lost = 0;          ///< Refused, evicted, replaced, or died with publishers.
    std::uint64_t timed_out = 0;     ///< Waited for room until their publishers gave up.
    std::uint64_t queued = 0;        ///< Messages in the mailbox.
    neo::policy policy{};            ///< What happens when it is full.
};

/// A snapshot of a kernel's counters. Immutable; any thread.
class counters : public detail::object<counters, neo_counters_t> {
public:
    /// None: all is zero.
    counters() noexcept = default;

    /// Those of the whole kernel.
    [[nodiscard]] neo::totals totals() const noexcept
    {
        neo_totals_t raw = NEO_TOTALS_INIT;
        static_cast<void>(NEO_FN(counters_totals)(native_handle(), &raw));
        return {raw.routes, raw.late_replies, raw.expired_requests, raw.memory_bytes,
                raw.committed_bytes};
    }

    /// Those of every subscription, group and service.
    [[nodiscard]] std::vector<route> routes() const &
    {
        std::vector<route> routes;
        neo_route_t raw;
        for (std::size_t i = 0;
             NEO_FN(counters_route)(native_handle(), i, &raw, sizeof raw) == NEO_OK; ++i) {
            routes.push_back({detail::text(raw.pattern), detail::text(raw.group), raw.depth,
                              raw.accepted, raw.delivered, raw.lost, raw.timed_out, raw.queued,
                              static_cast<neo::policy>(raw.policy)});
        }
        return routes;
    }
    std::vector<route> routes() const && = delete;
};

} // namespace NEO_NAMESPACE
} // namespace neo

#endif
