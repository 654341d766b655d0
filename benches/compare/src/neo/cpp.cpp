// What programs in C++ do, for the figures of cpp.rs.
#include <neo.hpp>

#include <cstring>

namespace {

// What the figures need is there, or the program ends.
template <typename T>
T must(neo::result<T> &&result)
{
    if (!result) {
        std::abort();
    }
    return std::move(*result);
}

} // namespace

extern "C" {

neo::publisher *cpp_publisher(const neo::kernel *kernel, const char *topic)
{
    return new neo::publisher(must(kernel->publisher(topic)));
}

void cpp_publisher_end(neo::publisher *publisher) { delete publisher; }

// Its name is what the counter looks for.
__attribute__((noinline)) std::uint32_t counted_publish_by_cpp(const neo::publisher *publisher,
                                                               const void *payload)
{
    neo::result<neo::published> became = publisher->publish({payload, 64});
    return became ? became->accepted : 0;
}

// Takes over the reference.
neo::kernel *cpp_kernel(neo_kernel_t *kernel)
{
    return new neo::kernel(neo::kernel::adopt(kernel));
}

void cpp_kernel_end(neo::kernel *kernel) { delete kernel; }

neo::service *cpp_service(const neo::kernel *kernel, const char *name)
{
    neo::service_options options;
    options.wait = neo::wait::spin;
    return new neo::service(must(kernel->serve(name, options)));
}

void cpp_service_end(neo::service *service) { delete service; }

// Answers one request with its argument.
void cpp_answer(const neo::service *service)
{
    neo::request request = must(service->recv());
    if (!request.reply(request.data())) {
        std::abort();
    }
}

// Calls with 64 bytes and writes the 64 of the answer.
void cpp_call(const neo::kernel *kernel, const char *service, const void *payload, void *answer)
{
    neo::message reply = must(kernel->call(service, "echo", {payload, 64}));
    if (reply.data().size() != 64) {
        std::abort();
    }
    std::memcpy(answer, reply.data().data(), 64);
}

} // extern "C"
