// Processes that share a kernel: `./a.out serve` in one terminal, `./a.out ask` in another. The
// programs of this name in other languages are either side of the same conversation.
//
//     c++ -std=c++17 shared_memory.cpp $(pkg-config --cflags --libs neo) && ./a.out serve
#include <neo.hpp>

#include <iostream>
#include <string>

namespace {

constexpr char url[] = "shm://example-users";

// Answers one call, and publishes who was asked for.
void serve(const neo::kernel &kernel)
{
    neo::service users = kernel.serve("user_service").value();
    std::cout << "serving on " << url << std::endl;
    neo::request request = users.recv().value();
    static_cast<void>(kernel.publish("users.asked", request.text()).value());
    request.reply(std::string(request.text()) + " is Ada").value();
}

void ask(const neo::kernel &kernel)
{
    neo::subscription asked = kernel.subscribe("users.*").value();
    neo::message answer = kernel.call("user_service", "get_user", "42").value();
    std::cout << answer.text() << '\n';
    neo::message message = asked.recv().value();
    std::cout << message.topic() << ": " << message.text() << '\n';
}

} // namespace

int main(int count, char **words)
{
    std::string_view role = count == 2 ? words[1] : "";
    try {
        neo::kernel kernel = neo::kernel::open(url).value();
        if (role == "serve") {
            serve(kernel);
        } else if (role == "ask") {
            ask(kernel);
        } else {
            std::cout << "usage: a.out serve|ask\n";
        }
    } catch (const neo::bad_result &failed) {
        std::cerr << failed.error().message() << '\n';
        return 1;
    }
}
