// The handles of a running case, and what its steps do with them.
#ifndef WORLD_HPP
#define WORLD_HPP

#include <neo.hpp>

#include "step.h"

#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <variant>

// Far beyond what any step needs; a wait that reaches it has been lost.
constexpr std::chrono::seconds wait_limit(30);

// Why a step cannot be run; ends the case.
struct broken {
    std::string why;
};

// A step of the line form. What it says is found by key.
class step {
public:
    explicit step(char *line) : fields_(step_parse(line)) {}
    step(const step &) = delete;
    step &operator=(const step &) = delete;
    ~step() { fields_free(&fields_); }

    bool has(const char *key) const { return field(&fields_, key) != nullptr; }
    std::string_view text(const char *key) const
    {
        const text_t *found = field(&fields_, key);
        return found == nullptr ? std::string_view() : std::string_view(found->data, found->len);
    }
    std::string name(const char *key, const char *otherwise = "") const
    {
        return word(&fields_, key, otherwise);
    }
    std::uint64_t number(const char *key, std::uint64_t otherwise) const
    {
        return ::number(&fields_, key, otherwise);
    }
    // Too large for its field stays too large.
    std::uint32_t number32(const char *key) const
    {
        std::uint64_t value = number(key, NEO_DEFAULT32);
        return static_cast<std::uint32_t>(value > NEO_DEFAULT32 ? NEO_DEFAULT32 - 1 : value);
    }
    std::optional<neo::timeout> time(const char *key) const
    {
        if (!has(key)) {
            return std::nullopt;
        }
        return std::chrono::nanoseconds(static_cast<std::int64_t>(number(key, 0)));
    }
    std::string payload() const { return payload(name("payload", "hex:")); }
    static std::string payload(const std::string &written);

    const fields_t *raw() const { return &fields_; }

private:
    fields_t fields_;
};

// What was observed.
class seen {
public:
    seen() { fields_.count = 0; }
    seen(const seen &) = delete;
    seen &operator=(const seen &) = delete;
    ~seen() { fields_free(&fields_); }

    void add(const char *key, std::string_view value)
    {
        observe_bytes(&fields_, key, value.data(), value.size());
    }
    void add(const char *key, const char *value) { add(key, std::string_view(value)); }
    void add(const char *key, bool value) { add(key, value ? "true" : "false"); }
    void add(const char *key, std::uint64_t value) { add(key, std::to_string(value)); }
    void add_payload(neo::bytes data) { add("payload", digest(data)); }
    static std::string digest(neo::bytes data);

    void none() { add("none", true); }
    // Whether there is more to observe.
    template <typename T>
    bool succeeded(const neo::result<T> &result)
    {
        if (!result) {
            add("error", result.error().name());
            if (result.error() == neo::errc::service) {
                add("text", result.error().message());
            }
        }
        return result.has_value();
    }
    void published(const neo::published &became)
    {
        add("accepted", std::uint64_t{became.accepted});
        add("dropped", std::uint64_t{became.dropped});
        add("timed_out", std::uint64_t{became.timed_out});
    }
    void message(const neo::message &message)
    {
        add("topic", message.topic());
        add_payload(message.data());
        add("lost_before", message.lost_before());
        add("stamped", message.sent_at().has_value());
    }

    const fields_t *raw() const { return &fields_; }

private:
    fields_t fields_;
};

// Threads that answer, and the gate before which those of the rule `hold` wait.
struct handler {
    struct gate {
        std::mutex lock;
        std::condition_variable opened;
        bool is_open = false;
    };

    std::shared_ptr<gate> held = std::make_shared<gate>();
    neo::server server;

    handler() = default;
    handler(handler &&) = default;
    handler &operator=(handler &&) = default;
    ~handler()
    {
        // Nothing is held of one that was moved.
        if (held) {
            unhold();
        }
    }
    void unhold() const
    {
        std::lock_guard<std::mutex> locked(held->lock);
        held->is_open = true;
        held->opened.notify_all();
    }
};

// An operation on a thread of its own, and what it observed.
struct job {
    std::unique_ptr<seen> observed = std::make_unique<seen>();
    std::future<void> done;
    std::thread thread;
};

using handle = std::variant<neo::publisher, neo::loan, neo::subscription, neo::message,
                            neo::service, handler, neo::request, neo::pending_call, job,
                            neo::kernel>;

class world {
public:
    std::string id;
    std::string scheme;
    // Number of this turn of a step with `times`; -1 without.
    long turn = -1;

    handle &find(const std::string &name);
    template <typename T>
    T &get(const std::string &name)
    {
        T *found = std::get_if<T>(&find(name));
        if (found == nullptr) {
            throw broken{"`" + name + "` is of another kind"};
        }
        return *found;
    }
    // Takes a handle out.
    template <typename T>
    T take(const std::string &name)
    {
        T taken = std::move(get<T>(name));
        release(name);
        return taken;
    }
    neo::kernel &kernel(const step &step) { return get<neo::kernel>(step.name("kernel", "k")); }
    void keep(const std::string &name, handle &&handle);
    void release(const std::string &name);
    // Gives everything back, kernels last. What was left running, if anything was.
    std::string finish();

private:
    std::vector<std::pair<std::string, handle>> handles_;
};

using ops = std::map<std::string_view, void (*)(world &, const step &, seen &)>;
extern const ops kernel_ops, publish_ops, receive_ops, service_ops, background_ops;

// Calls as the step says, and observes the answer.
void call(const neo::kernel &kernel, const std::string &service, const std::string &method,
          const std::string &payload, std::optional<neo::timeout> timeout, seen &seen);

// One side of a pair of processes; its exit code.
int run_peer(const std::string &role, const std::string &url);

#endif
