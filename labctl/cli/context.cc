#include "labctl/cli/context.h"

#include <cstdlib>
#include <iostream>

#include <unistd.h>

#include "netemu/base/text.h"

namespace labctl::cli {

namespace {

constexpr const char* kRed = "\033[31m";
constexpr const char* kGreen = "\033[32m";
constexpr const char* kYellow = "\033[33m";
constexpr const char* kDim = "\033[2m";
constexpr const char* kPlain = "\033[0m";

bool wants_color(const Options& options, int fd) {
    const char* no_color = std::getenv("NO_COLOR"); // NOLINT(concurrency-mt-unsafe): one thread
    return !options.no_color && (no_color == nullptr || *no_color == '\0') && ::isatty(fd) == 1;
}

} // namespace

Console::Console(const Options& options)
    : quiet_(options.quiet), color_(wants_color(options, STDOUT_FILENO)),
      error_color_(wants_color(options, STDERR_FILENO)) {
}

void Console::progress(const std::string& line) const {
    if (!quiet_) {
        std::cerr << line << std::endl;
    }
}

void Console::step(const std::string& text, std::uint64_t microseconds) const {
    const auto time = netemu::format_duration_us(microseconds);
    progress(
        error_color_
            ? kGreen + std::string("✓ ") + kPlain + text + kDim + " (" + time + ")" + kPlain
            : "✓ " + text + " (" + time + ")");
}

void Console::warn(const std::string& text) const {
    std::cerr << (error_color_ ? kYellow : "") << "warning: " << (error_color_ ? kPlain : "")
              << text << std::endl;
}

void Console::hint(const std::string& text) const {
    if (!quiet_ && !text.empty()) {
        std::cerr << (error_color_ ? kDim : "") << "hint: " << text << (error_color_ ? kPlain : "")
                  << std::endl;
    }
}

void print_error(const Console& console, const netemu::Error& error) {
    std::cerr << (console.error_color() ? kRed : "")
              << "error: " << (console.error_color() ? kPlain : "") << error.what() << std::endl;
    console.hint(error.hint());
}

supervisor::LabPaths Context::lab() const {
    if (!options_.lab.empty()) {
        supervisor::check_lab_name(options_.lab);
        return supervisor::LabPaths::of(options_.lab);
    }
    std::vector<std::string> alive;
    for (const auto& name : supervisor::known_labs()) {
        if (supervisor::lab_alive(supervisor::LabPaths::of(name))) {
            alive.push_back(name);
        }
    }
    if (alive.empty()) {
        throw netemu::UsageError("no lab is up", "`labctl up` brings one up");
    }
    if (alive.size() > 1) {
        throw netemu::UsageError(
            "several labs are up: " + netemu::join(alive, ", "),
            "name one with --lab NAME or LABCTL_LAB");
    }
    return supervisor::LabPaths::of(alive[0]);
}

Client Context::client() const {
    const auto paths = lab();
    if (!supervisor::lab_alive(paths)) {
        throw netemu::UsageError(
            "lab '" + paths.name + "' is not up",
            "`labctl ls` lists labs; `labctl up` brings one up");
    }
    return Client::connect(paths.socket);
}

} // namespace labctl::cli
