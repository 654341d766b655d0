// Steps that subscribe and receive.
#include "world.hpp"

#include <charconv>

namespace {

// The number of a word in a list, which is that of neo.h.
template <std::size_t N>
std::int32_t index_of(const char *const (&words)[N], const std::string &wanted)
{
    for (std::size_t i = 0; i < N; ++i) {
        if (wanted == words[i]) {
            return static_cast<std::int32_t>(i);
        }
    }
    throw broken{"there is no `" + wanted + "`"};
}

void subscribe(world &world, const step &step, seen &seen)
{
    static const char *const policies[] = {"default", "drop_oldest", "drop_newest",
                                           "latest",  "block",       "detach"};
    static const char *const waits[] = {"adaptive", "spin", "park"};
    neo::subscribe_options options;
    options.depth = step.number32("depth");
    options.mailbox_bytes_max = step.number("mailbox_bytes_max", NEO_DEFAULT64);
    options.pinned_bytes_max = step.number("pinned_bytes_max", NEO_DEFAULT64);
    options.policy = static_cast<neo::policy>(index_of(policies, step.name("policy", "default")));
    options.wait = static_cast<neo::wait>(index_of(waits, step.name("wait", "adaptive")));
    if (step.has("group")) {
        options.group = step.text("group");
    }
    auto sub = world.kernel(step).subscribe(step.text("pattern"), options);
    if (seen.succeeded(sub)) {
        world.keep(step.name("as"), std::move(*sub));
    }
}

void received(world &world, const step &step, seen &seen,
              neo::result<std::optional<neo::message>> &&result)
{
    if (!seen.succeeded(result)) {
        return;
    }
    if (!*result) {
        seen.none();
        return;
    }
    seen.message(**result);
    if (step.has("as")) {
        world.keep(step.name("as"), std::move(**result));
    }
}

neo::subscription &sub(world &world, const step &step)
{
    return world.get<neo::subscription>(step.name("sub"));
}

void batch(world &world, const step &step, seen &seen)
{
    neo::timeout timeout = step.time("timeout_ns").value_or(neo::forever);
    neo::batch batch = sub(world, step).batch(step.number("max", 0), timeout);
    if (batch.error()) {
        seen.succeeded(neo::result<void>(neo::failure(batch.error())));
        return;
    }
    std::string topics, payloads;
    std::uint64_t lost = 0;
    for (const neo::message &message : batch) {
        const char *comma = &message == batch.begin() ? "" : ",";
        topics.append(comma).append(message.topic());
        payloads.append(comma).append(seen::digest(message.data()));
        lost += message.lost_before();
    }
    seen.add("count", std::uint64_t{batch.size()});
    seen.add("topics", topics);
    seen.add("payloads", payloads);
    seen.add("lost", lost);
}

void headers(const neo::message &message, seen &seen)
{
    std::string keys, values;
    for (std::size_t i = 0; auto header = message.header_at(i); ++i) {
        const char *comma = i == 0 ? "" : ",";
        keys.append(comma).append(header->key);
        values.append(comma).append(seen::digest(header->value));
    }
    seen.add("keys", keys);
    seen.add("payloads", values);
    seen.add("traceparent", message.traceparent().value_or("-"));
}

std::uint64_t number_in(const neo::message &message)
{
    std::string_view text = message.text();
    std::uint64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
        throw broken{"`" + std::string(text) + "` is no number"};
    }
    return number;
}

void numbers(world &world, const step &step, seen &seen)
{
    std::uint64_t first = 0, last = 0, lost = 0, count = 0;
    bool in_order = true;
    while (count < step.number("count", 0)) {
        auto next = sub(world, step).try_recv();
        if (!seen.succeeded(next)) {
            return;
        }
        if (!*next) {
            break;
        }
        std::uint64_t number = number_in(**next);
        in_order &= count == 0 || number > last;
        first = count == 0 ? number : first;
        last = number;
        lost += (*next)->lost_before();
        ++count;
    }
    seen.add("count", count);
    seen.add("first", first);
    seen.add("last", last);
    seen.add("in_order", in_order);
    seen.add("lost", lost);
}

void count(const char *key, const neo::result<std::uint64_t> &result, seen &seen)
{
    if (seen.succeeded(result)) {
        seen.add(key, *result);
    }
}

} // namespace

const ops receive_ops = {
    {"subscribe", subscribe},
    {"recv_batch", batch},
    {"recv_numbers", numbers},
    {"try_recv",
     [](world &world, const step &step, seen &seen) {
         received(world, step, seen, sub(world, step).try_recv());
     }},
    {"recv",
     [](world &world, const step &step, seen &seen) {
         neo::timeout timeout = step.time("timeout_ns").value_or(neo::forever);
         received(world, step, seen, sub(world, step).recv(timeout));
     }},
    {"read",
     [](world &world, const step &step, seen &seen) {
         seen.message(world.get<neo::message>(step.name("of")));
     }},
    {"headers",
     [](world &world, const step &step, seen &seen) {
         headers(world.get<neo::message>(step.name("of")), seen);
     }},
    {"take_lost",
     [](world &world, const step &step, seen &seen) {
         count("lost", sub(world, step).take_lost(), seen);
     }},
    {"queued",
     [](world &world, const step &step, seen &seen) {
         count("queued", sub(world, step).queued(), seen);
     }},
};
