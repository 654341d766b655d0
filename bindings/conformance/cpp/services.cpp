// Steps of services and calls, the handlers that a case can name, and what runs beside the others.
#include "world.hpp"

#include <set>

namespace {

void serve(world &world, const step &step, seen &seen)
{
    neo::service_options options;
    options.depth = step.number32("depth");
    auto service = world.kernel(step).serve(step.text("service"), options);
    if (seen.succeeded(service)) {
        world.keep(step.name("as"), std::move(*service));
    }
}

neo::result<void> answer(const neo::request &request, const std::string &rule, handler::gate &held)
{
    if (rule == "fail") {
        return request.fail("the handler says no");
    }
    if (rule == "method") {
        return request.reply(request.method());
    }
    std::string text(request.text());
    if (rule == "upper") {
        for (char &c : text) {
            c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
        }
    } else if (rule == "hold") {
        std::unique_lock<std::mutex> locked(held.lock);
        held.opened.wait(locked, [&] { return held.is_open; });
    }
    return request.reply(text);
}

void serve_handler(world &world, const step &step, seen &seen)
{
    static const std::set<std::string> rules = {"echo", "upper",  "method",
                                                "fail", "silent", "hold"};
    std::string rule = step.name("handler");
    if (rules.count(rule) == 0) {
        throw broken{"there is no handler `" + rule + "`"};
    }
    neo::server_options options;
    options.workers = step.number("workers", 1);
    options.depth = step.number32("depth");
    handler made;
    auto work = [rule, held = made.held](const neo::request &request) {
        if (rule != "silent") {
            // The caller is told what went wrong with a reply.
            static_cast<void>(answer(request, rule, *held));
        }
    };
    auto server = neo::server::start(world.kernel(step), step.text("service"), work, options);
    if (seen.succeeded(server)) {
        made.server = std::move(*server);
        world.keep(step.name("as"), std::move(made));
    }
}

void request(world &world, const step &step, seen &seen)
{
    neo::timeout timeout = step.time("timeout_ns").value_or(neo::forever);
    auto request = world.get<neo::service>(step.name("service")).recv(timeout);
    if (!seen.succeeded(request)) {
        return;
    }
    if (!*request) {
        seen.none();
        return;
    }
    seen.add("method", (*request)->method());
    seen.add_payload((*request)->data());
    world.keep(step.name("as"), std::move(**request));
}

void run_call(world &world, const step &step, seen &seen)
{
    call(world.kernel(step), std::string(step.text("service")), std::string(step.text("method")),
         step.payload(), step.time("timeout_ns"), seen);
}

void start_call(world &world, const step &step, seen &seen)
{
    auto call = world.kernel(step).start_call(step.text("service"), step.text("method"),
                                              step.payload());
    if (seen.succeeded(call)) {
        world.keep(step.name("as"), std::move(*call));
    }
}

void await_call(world &world, const step &step, seen &seen)
{
    auto reply = world.get<neo::pending_call>(step.name("of")).wait(wait_limit);
    if (seen.succeeded(reply)) {
        if (!*reply) {
            throw broken{"`" + step.name("of") + "` still waits"};
        }
        seen.add_payload((*reply)->data());
    }
    world.release(step.name("of"));
}

// Runs a function of what is observed on a thread of its own.
template <typename Function>
void spawn(world &world, const step &step, Function function)
{
    job job;
    std::packaged_task<void()> task(
        [function = std::move(function), seen = job.observed.get()] { function(*seen); });
    job.done = task.get_future();
    job.thread = std::thread(std::move(task));
    world.keep(step.name("as"), std::move(job));
}

void spawn_call(world &world, const step &step, seen &)
{
    spawn(world, step,
          [kernel = world.kernel(step).clone().value(), service = std::string(step.text("service")),
           method = std::string(step.text("method")), payload = step.payload(),
           timeout = step.time("timeout_ns")](seen &seen) {
              call(kernel, service, method, payload, timeout, seen);
          });
}

void spawn_recv(world &world, const step &step, seen &)
{
    auto &sub = world.get<neo::subscription>(step.name("sub"));
    spawn(world, step, [sub = sub.clone().value()](seen &seen) {
        auto message = sub.recv();
        if (seen.succeeded(message)) {
            seen.message(*message);
        }
    });
}

void spawn_publish(world &world, const step &step, seen &)
{
    auto &pub = world.get<neo::publisher>(step.name("publisher"));
    spawn(world, step, [pub = pub.clone().value(), payload = step.payload()](seen &seen) {
        auto became = pub.publish(payload);
        if (seen.succeeded(became)) {
            seen.published(*became);
        }
    });
}

void join(world &world, const step &step, seen &seen)
{
    job &job = world.get<::job>(step.name("of"));
    if (job.done.wait_for(wait_limit) != std::future_status::ready) {
        throw broken{"`" + step.name("of") + "` still waits"};
    }
    job.thread.join();
    const fields_t *observed = job.observed->raw();
    for (std::size_t i = 0; i < observed->count; ++i) {
        const field_t &field = observed->fields[i];
        seen.add(field.key, std::string_view(field.value.data, field.value.len));
    }
    world.release(step.name("of"));
}

} // namespace

void call(const neo::kernel &kernel, const std::string &service, const std::string &method,
          const std::string &payload, std::optional<neo::timeout> timeout, seen &seen)
{
    auto reply = timeout ? kernel.call(service, method, payload, *timeout)
                         : kernel.call(service, method, payload);
    if (seen.succeeded(reply)) {
        seen.add_payload(reply->data());
    }
}

const ops service_ops = {
    {"serve", serve},
    {"serve_handler", serve_handler},
    {"request", request},
    {"call", run_call},
    {"unhold",
     [](world &world, const step &step, seen &) {
         world.get<handler>(step.name("of")).unhold();
     }},
    {"reply",
     [](world &world, const step &step, seen &seen) {
         seen.succeeded(world.take<neo::request>(step.name("request")).reply(step.payload()));
     }},
    {"reply_error",
     [](world &world, const step &step, seen &seen) {
         seen.succeeded(world.take<neo::request>(step.name("request")).fail(step.text("text")));
     }},
};

const ops background_ops = {
    {"start_call", start_call},
    {"await_call", await_call},
    {"spawn_call", spawn_call},
    {"spawn_recv", spawn_recv},
    {"spawn_publish", spawn_publish},
    {"join", join},
    {"cancel_call",
     [](world &world, const step &step, seen &seen) {
         seen.succeeded(world.take<neo::pending_call>(step.name("of")).cancel());
     }},
};
