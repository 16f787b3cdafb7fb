#include <algorithm>
#include <array>
#include <iostream>

#include "labctl/cli/embedded/embedded.h"
#include "labctl/cli/verdicts.h"

namespace labctl::cli {

int run_version(const Context& context) {
    if (context.options().output == "json") {
        std::cout << nlohmann::json{{"name", "labctl"}, {"version", LABCTL_VERSION}}.dump(2)
                  << "\n";
    } else {
        std::cout << "labctl " << LABCTL_VERSION << "\n";
    }
    return 0;
}

int run_completion(const Context& context) {
    constexpr std::array<std::string_view, 3> kShells{"bash", "zsh", "fish"};
    const auto& shell = context.options().arguments.at(0);
    if (std::find(kShells.begin(), kShells.end(), shell) == kShells.end()) {
        throw netemu::UsageError("no completion for '" + shell + "'", "bash, zsh or fish");
    }
    std::cout << embedded_file("completion/" + shell);
    return 0;
}

} // namespace labctl::cli
