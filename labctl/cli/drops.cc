#include <iostream>

#include "labctl/cli/lifecycle.h"
#include "labctl/report/drop_line.h"

namespace labctl::cli {

using nlohmann::json;

int run_drops(const Context& context) {
    auto client = context.client();
    const std::string path = "/apis/labctl.dev/v1/drops";
    const bool as_json = context.options().output == "json";
    if (context.options().watch) {
        context.console().progress("waiting for packets that rules drop; Ctrl-C ends it");
        client.stream("GET", path + "?watch=true", nullptr, [&](const json& line) {
            std::cout << (as_json ? line.dump() : report::drop_line(line)) << std::endl;
            return static_cast<bool>(std::cout);
        });
        return 0;
    }
    const auto answer = client.request("GET", path);
    if (as_json) {
        std::cout << answer.dump(2) << "\n";
    } else {
        for (const auto& item : answer.at("items")) {
            std::cout << report::drop_line(item) << "\n";
        }
    }
    if (const auto problem = answer.value("problem", ""); !problem.empty()) {
        context.console().warn("drops are not seen: " + problem);
    }
    if (const auto lost = answer.value("lost", std::uint64_t{0}); lost > 0) {
        context.console().warn(
            std::to_string(lost) + " packets came too fast to be read and are not listed");
    }
    return 0;
}

} // namespace labctl::cli
