// Steps of kernels, and steps that publish.
#include "world.hpp"

#include <cstring>

namespace {

void open(world &world, const step &step, seen &seen)
{
    neo::kernel_options options;
    options.memory_bytes_max = step.number("memory_bytes_max", NEO_DEFAULT64);
    options.subscriptions_max = step.number32("subscriptions_max");
    options.participants_max = step.number32("participants_max");
    options.calls_in_flight_max = step.number32("calls_in_flight_max");
    options.existing_only = step.has("existing_only");
    options.call_timeout = step.time("call_timeout_ns").value_or(wait_limit);
    std::string url(step.text("url"));
    if (!step.has("url")) {
        std::string own = world.scheme == "mem" ? "" : world.id;
        url = world.scheme + "://" + step.name("name", own.c_str());
    }
    auto kernel = neo::kernel::open(url, options);
    if (seen.succeeded(kernel)) {
        world.keep(step.name("as", "k"), std::move(*kernel));
    }
}

void counters(world &world, const step &step, seen &seen)
{
    auto counters = world.kernel(step).counters();
    if (!seen.succeeded(counters)) {
        return;
    }
    std::vector<neo::route> found;
    for (const neo::route &route : counters->routes()) {
        if (route.pattern == step.text("pattern") && route.group == step.text("group")) {
            found.push_back(route);
        }
    }
    if (found.size() > 1) {
        throw broken{"there are several `" + step.name("pattern") + "`"};
    }
    if (found.empty()) {
        seen.none();
        return;
    }
    seen.add("depth", found[0].depth);
    seen.add("accepted", found[0].accepted);
    seen.add("delivered", found[0].delivered);
    seen.add("lost", found[0].lost);
    seen.add("timed_out", found[0].timed_out);
    seen.add("queued", found[0].queued);
}

neo::totals totals(const neo::kernel &kernel)
{
    auto counters = kernel.counters();
    return counters ? counters->totals() : neo::totals();
}

void name(world &world, const step &step, seen &seen)
{
    handle &of = world.find(step.name("of"));
    if (auto *publisher = std::get_if<neo::publisher>(&of)) {
        seen.add("name", publisher->topic());
    } else if (auto *subscription = std::get_if<neo::subscription>(&of)) {
        seen.add("name", subscription->pattern());
    } else if (auto *service = std::get_if<neo::service>(&of)) {
        seen.add("name", service->name());
    } else {
        throw broken{"`" + step.name("of") + "` has no name"};
    }
}

void memory(world &world, const step &step, seen &seen)
{
    neo::kernel &kernel = world.kernel(step);
    if (seen.succeeded(kernel.trim())) {
        seen.add("in_use", totals(kernel).memory_bytes > 0);
    }
}

void trim(world &world, const step &step, seen &seen)
{
    auto freed = world.kernel(step).trim();
    if (seen.succeeded(freed)) {
        seen.add("freed", *freed > 0);
    }
}

void kernel_counters(world &world, const step &step, seen &seen)
{
    neo::totals all = totals(world.kernel(step));
    seen.add("routes", all.routes);
    seen.add("late_replies", all.late_replies);
}

// The items of a list; one that is empty has none.
std::vector<std::string> list(const std::string &written)
{
    std::vector<std::string> items;
    for (std::size_t at = 0; at < written.size();) {
        std::size_t end = std::min(written.find(',', at), written.size());
        items.push_back(written.substr(at, end - at));
        at = end + 1;
    }
    return items;
}

void publisher(world &world, const step &step, seen &seen)
{
    neo::publisher_options options;
    options.send_timeout = step.time("send_timeout_ns").value_or(options.send_timeout);
    options.stamp_time = step.text("stamp_time") == "true";
    options.traceparent = step.text("traceparent");
    std::vector<std::string> keys = list(step.name("header_keys"));
    std::vector<std::string> values;
    for (const std::string &written : list(step.name("header_values"))) {
        values.push_back(step::payload(written));
    }
    keys.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        options.headers.emplace_back(keys[i], values[i]);
    }
    auto publisher = world.kernel(step).publisher(step.text("topic"), options);
    if (seen.succeeded(publisher)) {
        world.keep(step.name("as"), std::move(*publisher));
    }
}

neo::result<neo::published> publish_one(world &world, const step &step, neo::payload payload)
{
    if (step.has("publisher")) {
        return world.get<neo::publisher>(step.name("publisher")).publish(payload);
    }
    return world.kernel(step).publish(step.text("topic"), payload);
}

void publish(world &world, const step &step, seen &seen)
{
    auto became = publish_one(world, step, step.payload());
    if (seen.succeeded(became)) {
        seen.published(*became);
    }
}

void publish_many(world &world, const step &step, seen &seen)
{
    std::vector<std::string> texts;
    for (const std::string &written : list(step.name("payloads"))) {
        texts.push_back(step::payload(written));
    }
    std::vector<neo::payload> payloads(texts.begin(), texts.end());
    auto became = world.get<neo::publisher>(step.name("publisher")).publish_many(payloads);
    if (seen.succeeded(became)) {
        seen.add("messages", became->messages);
        seen.published(*became);
        seen.add("stopped", became->stopped ? became->stopped->name() : "-");
    }
}

void publish_numbers(world &world, const step &step, seen &seen)
{
    neo::published sum;
    std::uint64_t from = step.number("from", 0), count = step.number("count", 0);
    for (std::uint64_t n = from; n < from + count; ++n) {
        auto became = publish_one(world, step, std::to_string(n));
        if (!seen.succeeded(became)) {
            return;
        }
        sum.accepted += became->accepted;
        sum.dropped += became->dropped;
        sum.timed_out += became->timed_out;
    }
    seen.published(sum);
}

void loan(world &world, const step &step, seen &seen)
{
    auto loan = world.get<neo::publisher>(step.name("publisher")).loan(step.number("len", 0));
    if (seen.succeeded(loan)) {
        seen.add("len", std::uint64_t{loan->data().size()});
        world.keep(step.name("as"), std::move(*loan));
    }
}

void write(world &world, const step &step, seen &)
{
    neo::loan &loan = world.get<neo::loan>(step.name("loan"));
    std::string bytes = step.payload();
    std::uint64_t at = step.number("at", 0);
    if (at > loan.data().size() || bytes.size() > loan.data().size() - at) {
        throw broken{"the step writes beyond the loan"};
    }
    if (!bytes.empty()) {
        std::memcpy(loan.data().data() + at, bytes.data(), bytes.size());
    }
}

void truncate(world &world, const step &step, seen &seen)
{
    neo::loan &loan = world.get<neo::loan>(step.name("loan"));
    if (seen.succeeded(loan.truncate(step.number("len", 0)))) {
        seen.add("len", std::uint64_t{loan.data().size()});
    }
}

void send(world &world, const step &step, seen &seen)
{
    auto became = world.take<neo::loan>(step.name("loan")).send();
    if (seen.succeeded(became)) {
        seen.published(*became);
    }
}

} // namespace

const ops kernel_ops = {
    {"open", open},
    {"counters", counters},
    {"kernel_counters", kernel_counters},
    {"name", name},
    {"memory", memory},
    {"trim", trim},
    {"close",
     [](world &world, const step &step, seen &seen) {
         seen.succeeded(world.get<neo::kernel>(step.name("of")).close());
     }},
    {"is_closed",
     [](world &world, const step &step, seen &seen) {
         seen.add("closed", world.get<neo::kernel>(step.name("of")).is_closed());
     }},
};

const ops publish_ops = {
    {"publisher", publisher},
    {"publish", publish},
    {"publish_many", publish_many},
    {"publish_numbers", publish_numbers},
    {"loan", loan},
    {"write", write},
    {"truncate", truncate},
    {"send", send},
    {"abort",
     [](world &world, const step &step, seen &) {
         world.take<neo::loan>(step.name("loan")).abort();
     }},
};
