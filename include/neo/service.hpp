/// @file
/// Services: workers, requests, and calls on their way.
#ifndef NEO_SERVICE_HPP
#define NEO_SERVICE_HPP

#include "message.hpp"
#include "subscription.hpp"

#include <type_traits>

#if NEO_HAS_EXCEPTIONS
#include <exception>
#endif

namespace neo {
inline namespace NEO_NAMESPACE {

/// A request with the right to answer it once. Destroyed unanswered, its caller gets
/// `errc::no_reply`. Any thread.
class request : public detail::object<request, neo_request_t> {
public:
    /// None.
    request() noexcept = default;

    /// The method that was called. Valid as long as this request, also once it is answered.
    [[nodiscard]] std::string_view method() const & noexcept
    {
        neo_request_view_t view{};
        static_cast<void>(NEO_FN(request_view)(native_handle(), &view, sizeof view));
        return detail::text(view.method);
    }
    std::string_view method() const && = delete;
    /// The argument, at least 64-byte aligned unless it is empty. Valid as long as this request.
    [[nodiscard]] bytes data() const & noexcept { return detail::view_of(argument()); }
    bytes data() const && = delete;
    /// The argument as text. Valid as long as this request.
    [[nodiscard]] std::string_view text() const & noexcept { return detail::text(argument()); }
    std::string_view text() const && = delete;

    /// Answers. A caller that no longer waits is no error. `errc::misuse` if it was answered
    /// already; `errc::too_large` or `errc::full` if the answer has no room, of which the caller
    /// is told as well. Does not wait.
    result<void> reply(payload payload) const
    {
        error why;
        neo_status_t status =
            NEO_FN(reply)(native_handle(), payload.data(), payload.size(), why.raw());
        return detail::done(status, why);
    }

    /// Answers with an error: the caller gets `errc::service` with the text, of which 180 bytes
    /// travel. `errc::misuse` if it was answered already. Does not wait.
    result<void> fail(std::string_view text) const
    {
        error why;
        neo_status_t status =
            NEO_FN(reply_error)(native_handle(), detail::slice(text), why.raw());
        return detail::done(status, why);
    }

private:
    neo_slice_t argument() const noexcept
    {
        neo_slice_t data{nullptr, 0};
        static_cast<void>(NEO_FN(request_data)(native_handle(), &data));
        return data;
    }
};

namespace detail {
template <typename T>
struct is_result : std::false_type {};
template <typename T>
struct is_result<result<T>> : std::true_type {};

/// Answers with what a handler returned. A reply that has no room is told to the caller; one that
/// the handler gave already stands.
template <typename Handler>
void answer_with(request &request, Handler &handler)
{
    using returned = std::decay_t<std::invoke_result_t<Handler &, neo::request &>>;
    if constexpr (std::is_void_v<returned>) {
        handler(request);
    } else if constexpr (is_result<returned>::value) {
        auto answer = handler(request);
        if (!answer) {
            static_cast<void>(request.fail(answer.error().message()));
        } else if constexpr (!std::is_void_v<typename returned::value_type>) {
            static_cast<void>(request.reply(*answer));
        }
    } else {
        static_cast<void>(request.reply(handler(request)));
    }
}

/// The same; what a handler throws is told to its caller and ends here.
template <typename Handler>
void answer(request &request, Handler &handler)
{
#if NEO_HAS_EXCEPTIONS
    try {
        answer_with(request, handler);
    } catch (const std::exception &thrown) {
        static_cast<void>(request.fail(thrown.what()));
    } catch (...) {
        static_cast<void>(request.fail("the handler threw what is no std::exception"));
    }
#else
    answer_with(request, handler);
#endif
}
} // namespace detail

/// Options of a service; what is not set is as the library has it.
struct service_options {
    /// Requests that may wait, 1 to 65,536; 1,024 by default. All workers use the same.
    std::uint32_t depth = NEO_DEFAULT32;
    /// How its receivers wait.
    neo::wait wait = neo::wait::adaptive;
};

/// A worker of a service. Any thread; a request goes to one caller. Leaves with its last handle.
///
/// @code
/// neo::result<neo::service> service = kernel.serve("upper");
/// if (!service) return service.error();
/// auto ended = service->run([](const neo::request &request) {
///     std::string text(request.text());
///     for (char &c : text) c = char(std::toupper(c));
///     return text;
/// });
/// @endcode
class service : public detail::shared_object<service, neo_service_t> {
public:
    /// None.
    service() noexcept = default;

    /// Takes the next request, waiting until one comes. `errc::closed` if the worker or its kernel
    /// is closed.
    [[nodiscard]] result<request> recv() const
    {
        error why;
        neo_request_t *it = nullptr;
        neo_status_t status =
            NEO_FN(service_recv)(native_handle(), &it, NEO_FOREVER, why.raw());
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        return request::adopt(it);
    }

    /// The same, waiting for at most `timeout`: nothing if it passed.
    [[nodiscard]] result<std::optional<request>> recv(neo::timeout timeout) const
    {
        error why;
        neo_request_t *it = nullptr;
        neo_status_t status =
            NEO_FN(service_recv)(native_handle(), &it, timeout.ns(), why.raw());
        if (status < NEO_OK) {
            return failure(why.of(status));
        }
        if (status != NEO_OK) {
            return std::optional<request>();
        }
        return std::optional<request>(request::adopt(it));
    }

    /// Answers requests on this thread until the worker or its kernel is closed, which is no
    /// error.
    ///
    /// The handler is called with a `neo::request &`. What it returns is the answer: anything that
    /// is a `neo::payload`, or a `neo::result` of that, whose error is told to the caller as
    /// `errc::service`. If it returns nothing it has replied by itself, or has moved the request
    /// out to answer it later; if it has not, the caller gets `errc::no_reply`. What it throws
    /// is told to the caller as `errc::service` with the text of `what()`, and goes no further.
    template <typename Handler>
    result<void> run(Handler &&handler) const
    {
        for (;;) {
            result<request> request = recv();
            if (request) {
                detail::answer(*request, handler);
            } else if (request.error() == errc::closed) {
                return {};
            } else {
                return failure(request.error());
            }
        }
    }

    /// The service's name; empty if it is no worker. Valid as long as a handle of it lives.
    [[nodiscard]] std::string_view name() const & noexcept
    {
        neo_slice_t name{nullptr, 0};
        static_cast<void>(NEO_FN(service_name)(native_handle(), &name));
        return detail::text(name);
    }
    std::string_view name() const && = delete;

    /// Leaves the service: every waiting thread returns with `errc::closed`; requests that nobody
    /// is left to take are answered with `errc::no_reply`. Closing twice does nothing.
    result<void> close() const
    {
        return detail::done(NEO_FN(service_close)(native_handle()), error());
    }
};

/// A call on its way; cancelled with its last handle. Any thread; its answer is taken once.
class pending_call : public detail::shared_object<pending_call, neo_call_t> {
public:
    /// None.
    pending_call() noexcept = default;

    /// Waits for the answer and takes it: nothing if the time passed, and the call goes on.
    /// `errc::misuse` if it was taken or the call was cancelled; else as `kernel::call`.
    [[nodiscard]] result<std::optional<message>> wait(neo::timeout timeout) const
    {
        std::optional<message> reply(std::in_place);
        error why;
        neo_status_t status = receive(*reply, timeout.ns(), why);
        if (status < NEO_OK) {
            return failure(why.of(status));
        }
        if (status != NEO_OK) {
            reply.reset();
        }
        return reply;
    }

    /// The same, until the call ends: its kernel's call timeout at most.
    [[nodiscard]] result<message> wait() const
    {
        message reply;
        error why;
        neo_status_t status = receive(reply, NEO_FOREVER, why);
        if (status != NEO_OK) {
            return failure(why.of(status));
        }
        return reply;
    }

    /// Gives the call up: threads that wait for it return with `errc::misuse`. After its end it
    /// does nothing.
    result<void> cancel() const
    {
        return detail::done(NEO_FN(call_cancel)(native_handle()), error());
    }

private:
    neo_status_t receive(message &into, std::int64_t timeout_ns, error &why) const noexcept
    {
        return NEO_FN(call_wait)(native_handle(), into.raw(), sizeof(neo_view_t), timeout_ns,
                                 why.raw());
    }
};

} // namespace NEO_NAMESPACE
} // namespace neo

#endif
