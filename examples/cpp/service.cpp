// A service: a worker answers calls; its failures and its absence are the caller's errors.
//
//     c++ -std=c++17 service.cpp $(pkg-config --cflags --libs neo) -pthread && ./a.out
#include <neo.hpp>

#include <iostream>

namespace {

// What it returns is the answer, or the error that the caller gets.
neo::result<std::string> gate(const neo::request &request)
{
    if (request.method() != "of") {
        return neo::fail("no method " + std::string(request.method()));
    }
    if (request.text() == "AA1") {
        return "B22";
    }
    return neo::fail("no gate for " + std::string(request.text()));
}

} // namespace

int main()
{
    auto kernel = neo::kernel::open("mem://");
    auto server =
        kernel ? neo::server::start(*kernel, "gates", gate) : neo::failure(kernel.error());
    if (!server) {
        std::cerr << server.error().message() << '\n';
        return 1;
    }
    if (auto answer = kernel->call("gates", "of", "AA1")) {
        std::cout << "AA1 leaves from " << answer->text() << '\n';
    }
    for (auto [service, flight] : {std::pair("gates", "ZZ9"), std::pair("lounges", "AA1")}) {
        if (auto answer = kernel->call(service, "of", flight); !answer) {
            std::cout << service << ": " << answer.error().message() << '\n';
        }
    }
    server->stop();
    std::cout << "the worker ended\n";
}
