#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

/// For tests that touch the kernel. netns_main.cc brings a `main` that leaves for a user (unless it
/// is root), network and mount namespace of its own before Boost.Test starts, and prints how to
/// follow it there. Where that is refused the program exits with 77 (a visible skip), or 1 if
/// LABCTL_TEST_STRICT=1.
namespace netemu::test {

struct Output {
    int status = 0; // exit status, or 128 plus the signal
    std::string out;
    std::string err;
};

/// Runs a command in the network namespace `namespace_fd` (-1: the test's own) and waits for it.
Output run_in(int namespace_fd, const std::vector<std::string>& command);

/// The same for a command that prints JSON (`ip -j ...`, `nft -j ...`): the oracle of the tests,
/// since it does not read what our own decoders read. Throws std::runtime_error, with what it
/// printed, when it fails. No output at all is an empty list.
nlohmann::json json_in(int namespace_fd, const std::vector<std::string>& command);

} // namespace netemu::test
