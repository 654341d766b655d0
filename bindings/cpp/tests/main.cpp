// Runs the tests: after each of them nothing of the library may live. Other modes are for children
// that tests start, and for showing that the leak detectors detect.
#include "support.hpp"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

// Where this program lies. What runs as this process may be another one, such as valgrind.
const char *program;

class no_live_objects : public testing::EmptyTestEventListener {
    void OnTestEnd(const testing::TestInfo &) override
    {
        EXPECT_EQ(neo_debug_live(NEO_LIVE_ALL), 0U) << "live objects:" << kinds();
    }

    void OnTestProgramEnd(const testing::UnitTest &all) override
    {
        std::printf("\ntest result: %s. %d passed; %d failed; %d ignored\n",
                    all.Passed() ? "ok" : "FAILED", all.successful_test_count(),
                    all.failed_test_count(),
                    all.skipped_test_count() + all.reportable_disabled_test_count());
    }

    static std::string kinds()
    {
        std::string text;
        for (std::int32_t kind = 0; neo_debug_live(kind) != UINT64_MAX; ++kind) {
            if (neo_debug_live(kind) > 0) {
                text += " kind " + std::to_string(kind) + ": " +
                        std::to_string(neo_debug_live(kind));
            }
        }
        return text;
    }
};

class leaks_handle : public testing::Test {
    void TestBody() override
    {
        neo::kernel kernel = support::open_kernel();
        neo_kernel_retain(kernel.native_handle());
    }
};

int *volatile lost;

// What a leak detector must find: `memory` of C++, or a `handle`.
void plant(const char *what)
{
    if (std::strcmp(what, "memory") == 0) {
        lost = new int[1000];
        lost = nullptr;
        testing::GTEST_FLAG(filter) = "environment.*";
        return;
    }
    testing::RegisterTest("planted", "handle", nullptr, nullptr, __FILE__, __LINE__,
                          []() -> testing::Test * { return new leaks_handle; });
    testing::GTEST_FLAG(filter) = "planted.*";
}

void say_ready()
{
    std::fputc('r', stdout);
    std::fflush(stdout);
}

// Waits for ever.
[[noreturn]] void wait_for_ever()
{
    neo::kernel kernel = support::open_kernel();
    neo::subscription sub = support::must(kernel.subscribe("t"));
    say_ready();
    auto received = sub.recv();
    std::exit(received ? 1 : 2);
}

// Ends while threads publish, receive, call and answer, with everything open.
[[noreturn]] void exit_under_load(bool by_return)
{
    // A process that hangs is ended, and is then no success.
    alarm(60);
    static std::atomic<int> turns{0};
    static struct {
        neo::kernel *kernel;
        neo::server *server;
    } open;
    open.kernel = new neo::kernel(support::open_kernel());
    open.server = new neo::server(support::must(neo::server::start(
        *open.kernel, "echo", [](const neo::request &request) { return request.data(); })));
    for (int i = 0; i < 2; ++i) {
        std::thread([] {
            for (;;) {
                static_cast<void>(open.kernel->publish("load.a", "payload"));
            }
        }).detach();
        std::thread([] {
            neo::subscription sub = support::must(open.kernel->subscribe("load.>"));
            for (neo::message &message : sub.messages()) {
                turns += static_cast<int>(message.data().size() > 0);
            }
        }).detach();
        std::thread([] {
            for (;;) {
                auto reply = open.kernel->call("echo", "m", "argument");
                turns += static_cast<int>(reply.has_value());
            }
        }).detach();
    }
    while (turns < 100) {
        std::this_thread::yield();
    }
    if (by_return) {
        std::exit(0);
    }
    std::quick_exit(0);
}

} // namespace

support::child::child(const std::vector<std::string> &arguments)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return;
    }
    std::vector<std::string> words(arguments);
    words.insert(words.begin(), "neo_cpp_tests");
    std::vector<char *> raw;
    for (std::string &word : words) {
        raw.push_back(word.data());
    }
    raw.push_back(nullptr);
    pid = fork();
    if (pid == 0) {
        // Whoever runs the tests in the background may ignore it, and that is inherited.
        std::signal(SIGINT, SIG_DFL);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execv(program, raw.data());
        _exit(127);
    }
    close(ends[1]);
    ready_ = ends[0];
}

support::child::~child()
{
    if (pid > 0) {
        kill(pid, SIGKILL);
        wait();
    }
    close(ready_);
}

bool support::child::is_ready() const
{
    char byte = 0;
    return read(ready_, &byte, 1) == 1 && byte == 'r';
}

int support::child::wait()
{
    int status = -1;
    if (waitpid(pid, &status, 0) != pid) {
        return -1;
    }
    pid = -1;
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    program = argv[0];
    std::string mode = argc > 1 ? argv[1] : "";
    if (mode == "wait-for-ever") {
        wait_for_ever();
    }
    if (mode == "exit-under-load") {
        exit_under_load(std::atoi(argv[2]) % 2 == 0);
    }
    testing::InitGoogleTest(&argc, argv);
    testing::UnitTest::GetInstance()->listeners().Append(new no_live_objects);
    if (mode == "plant" && argc > 2) {
        plant(argv[2]);
    }
    int failed = RUN_ALL_TESTS();
    bool some = testing::UnitTest::GetInstance()->test_to_run_count() > 0;
    return some ? failed : 1;
}
