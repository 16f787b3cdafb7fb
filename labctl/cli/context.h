#pragma once

#include <string>
#include <vector>

#include "labctl/cli/client.h"
#include "labctl/cli/options.h"
#include "labctl/supervisor/paths.h"

/// What the commands share: which lab, how to talk to it, how to talk to the user.
namespace labctl::cli {

/// Standard error is for progress and messages, standard output for results.
class Console {
public:
    explicit Console(const Options& options);
    [[nodiscard]] bool color() const { return color_; } // on standard output
    [[nodiscard]] bool error_color() const { return error_color_; }
    /// A line of progress; nothing under --quiet.
    void progress(const std::string& line) const;
    /// A finished step: "✓ text (12 ms)".
    void step(const std::string& text, std::uint64_t microseconds) const;
    void warn(const std::string& text) const;
    /// One "hint: " line; nothing under --quiet.
    void hint(const std::string& text) const;

private:
    bool quiet_;
    bool color_;
    bool error_color_;
};

class Context {
public:
    explicit Context(const Options& options) : options_(options), console_(options) {}

    [[nodiscard]] const Options& options() const { return options_; }
    [[nodiscard]] const Console& console() const { return console_; }
    [[nodiscard]] std::string ns() const { return options_.ns.empty() ? "default" : options_.ns; }

    /// The lab that the command is about: --lab, LABCTL_LAB, or the only one that runs. Throws
    /// UsageError.
    [[nodiscard]] supervisor::LabPaths lab() const;
    /// A connection to that lab. Throws UsageError when it is not up.
    [[nodiscard]] Client client() const;

private:
    const Options& options_;
    Console console_;
};

/// Prints an error the way every command does: "error: ...", and its hint.
void print_error(const Console& console, const netemu::Error& error);

} // namespace labctl::cli
