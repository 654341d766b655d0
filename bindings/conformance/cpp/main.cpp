// Runs the cases of a file in the line form against neo.hpp: see ../README.md.
#include "world.hpp"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>

std::string step::payload(const std::string &written)
{
    text_t bytes = payload_of(written.c_str());
    if (bytes.data == nullptr) {
        throw broken{"`" + written + "` is no payload"};
    }
    std::string text(bytes.data, bytes.len);
    std::free(bytes.data);
    return text;
}

std::string seen::digest(neo::bytes data)
{
    text_t shown = ::digest(data.data(), data.size());
    std::string text(shown.data, shown.len);
    std::free(shown.data);
    return text;
}

handle &world::find(const std::string &name)
{
    for (auto &[known, it] : handles_) {
        if (known == name) {
            return it;
        }
    }
    throw broken{"there is no `" + name + "`"};
}

void world::keep(const std::string &name, handle &&handle)
{
    std::string full = turn < 0 ? name : name + "-" + std::to_string(turn);
    for (const auto &[known, it] : handles_) {
        if (known == full) {
            throw broken{"`" + full + "` is in use"};
        }
    }
    handles_.emplace_back(full, std::move(handle));
}

void world::release(const std::string &name)
{
    find(name);
    for (auto it = handles_.begin(); it != handles_.end(); ++it) {
        if (it->first == name) {
            handles_.erase(it);
            return;
        }
    }
}

std::string world::finish()
{
    std::string left;
    for (bool kernels : {false, true}) {
        for (auto it = handles_.size(); it-- > 0;) {
            auto &[name, held] = handles_[it];
            if (std::holds_alternative<neo::kernel>(held) != kernels) {
                continue;
            }
            if (job *running = std::get_if<job>(&held)) {
                left = "`" + name + "` was never joined";
                // What it uses stays with its thread.
                running->thread.detach();
                static_cast<void>(running->observed.release());
            }
            handles_.erase(handles_.begin() + static_cast<std::ptrdiff_t>(it));
        }
    }
    return left;
}

namespace {

void run_once(world &world, const step &step, seen &seen)
{
    std::string op = step.name("op");
    if (op == "release") {
        world.release(step.name("of"));
        return;
    }
    for (const ops *table :
         {&kernel_ops, &publish_ops, &receive_ops, &service_ops, &background_ops}) {
        if (auto found = table->find(op); found != table->end()) {
            found->second(world, step, seen);
            return;
        }
    }
    throw broken{"there is no op `" + op + "`"};
}

std::string json(std::string_view text)
{
    char *written = nullptr;
    std::size_t len = 0;
    FILE *out = open_memstream(&written, &len);
    print_json(out, text.data(), text.size());
    std::fclose(out);
    std::string quoted(written, len);
    std::free(written);
    return quoted;
}

// Runs a step as often as it says; empty if every turn met it, else why not.
std::string run_step(world &world, const step &step, std::string &observed)
{
    std::string why;
    for (std::uint64_t turn = 0, times = step.number("times", 1); turn < times && why.empty();
         ++turn) {
        seen seen;
        world.turn = step.has("times") ? static_cast<long>(turn) : -1;
        try {
            run_once(world, step, seen);
        } catch (const broken &broken) {
            return broken.why;
        }
        if (char *failure = judge(step.raw(), seen.raw())) {
            why = failure;
            std::free(failure);
        }
        text_t line = line_of(seen.raw());
        observed = json({line.data, line.len}) + ",";
        std::free(line.data);
    }
    return why;
}

// A case as it goes on.
struct running {
    ::world world;
    std::string observed;
    std::string why;
    int steps = 0;

    void run(char *line)
    {
        step step(line);
        std::string one;
        std::string failure = run_step(world, step, one);
        ++steps;
        observed += one;
        if (!failure.empty()) {
            why = "step " + std::to_string(steps) + ", " + step.name("op") + ": " + failure;
        }
    }

    // Prints the line of the case; whether it was met.
    bool end()
    {
        std::string left = world.finish();
        std::uint64_t live = neo_debug_live(NEO_LIVE_ALL);
        if (why.empty()) {
            why = left;
        }
        if (why.empty() && live != 0) {
            why = std::to_string(live) + " objects are alive after the last step";
        }
        std::cout << "{\"id\":\"" << world.id << "\",\"ok\":" << (why.empty() ? "true" : "false")
                  << ",\"observed\":[" << observed << "\"live=" << live << "\"]";
        if (!why.empty()) {
            std::cout << ",\"failure\":" << json(why);
        }
        std::cout << "}" << std::endl;
        return why.empty();
    }
};

} // namespace

int main(int argc, char **argv)
{
    if (argc == 4 && std::strcmp(argv[1], "pair") == 0) {
        return run_peer(argv[2], argv[3]);
    }
    std::ifstream cases(argc == 3 ? argv[1] : "");
    if (!cases) {
        std::cerr << "usage: neo-conformance-cpp CASES SCHEME, or pair ROLE URL\n";
        return 2;
    }
    std::optional<running> running;
    bool met = true;
    for (std::string line; std::getline(cases, line);) {
        if (line.rfind("case ", 0) == 0) {
            running.emplace();
            running->world.id = line.substr(5);
            running->world.scheme = argv[2];
        } else if (line == "end") {
            met &= running->end();
        } else if (running->why.empty()) {
            running->run(line.data());
        }
    }
    return met ? 0 : 1;
}
