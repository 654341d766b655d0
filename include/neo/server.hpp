/// @file
/// Services that are answered by threads of their own.
#ifndef NEO_SERVER_HPP
#define NEO_SERVER_HPP

#include "kernel.hpp"

#include <memory>
#include <thread>

#if NEO_HAS_EXCEPTIONS
#include <system_error>
#endif

namespace neo {
inline namespace NEO_NAMESPACE {

/// Options of a server; what is not set is as the library has it.
struct server_options {
    /// Threads that answer, each a worker of the service.
    std::size_t workers = 1;
    /// Requests that may wait, 1 to 65,536; 1,024 by default.
    std::uint32_t depth = NEO_DEFAULT32;
    /// How its threads wait.
    neo::wait wait = neo::wait::adaptive;
};

/// Threads that answer the requests of a service, until it is stopped or destroyed, or the kernel
/// is closed. One thread at a time, except `close`.
///
/// @code
/// auto server = neo::server::start(kernel, "greeter", [](const neo::request &request) {
///     return "Hello, " + std::string(request.text());
/// });
/// if (!server) return server.error();
/// @endcode
class server {
public:
    /// None.
    server() noexcept = default;
    /// Takes over the threads of `other`.
    server(server &&other) noexcept = default;
    /// The same; those of this are stopped first.
    server &operator=(server &&other) noexcept
    {
        if (this != &other) {
            stop();
            workers_ = std::move(other.workers_);
        }
        return *this;
    }
    server(const server &) = delete;
    server &operator=(const server &) = delete;
    ~server() { stop(); }

    /// Opens the workers and starts their threads, which call the handler as `service::run` does:
    /// several at once if there are several workers. As `kernel::serve`; `errc::os` if a thread
    /// cannot be started, where exceptions are on.
    template <typename Handler>
    [[nodiscard]] static result<server> start(const kernel &kernel, std::string_view name,
                                              Handler handler, server_options options = {})
    {
        server started;
        auto shared = std::make_shared<Handler>(std::move(handler));
        for (std::size_t i = 0; i < options.workers; ++i) {
            result<service> opened = kernel.serve(name, {options.depth, options.wait});
            if (!opened) {
                return failure(opened.error());
            }
            result<service> own = opened->clone();
            if (!own) {
                return failure(own.error());
            }
            auto work = [service = std::move(*own), shared] {
                // It ends because it was closed, or because there is nothing that it could do.
                static_cast<void>(service.run(*shared));
            };
#if NEO_HAS_EXCEPTIONS
            try {
                started.workers_.push_back({std::move(*opened), std::thread(std::move(work))});
            } catch (const std::system_error &thrown) {
                return failure(error(errc::os, thrown.what()));
            }
#else
            started.workers_.push_back({std::move(*opened), std::thread(std::move(work))});
#endif
        }
        return started;
    }

    /// Lets the threads end as soon as their handlers return, and does not wait for that. Any
    /// thread, also a handler.
    void close() const noexcept
    {
        for (const worker &one : workers_) {
            static_cast<void>(NEO_FN(service_close)(one.service.native_handle()));
        }
    }

    /// The same, and waits until they have ended; called by one of its own handlers, it does not
    /// wait for that one.
    void stop() noexcept
    {
        close();
        for (worker &one : workers_) {
            if (one.thread.get_id() == std::this_thread::get_id()) {
                one.thread.detach();
            } else {
                one.thread.join();
            }
        }
        workers_.clear();
    }

private:
    struct worker {
        neo::service service;
        std::thread thread;
    };

    std::vector<worker> workers_;
};

} // namespace NEO_NAMESPACE
} // namespace neo

#endif
