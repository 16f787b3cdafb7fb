#include <iostream>

#include "labctl/cli/context.h"
#include "labctl/cli/objects.h"
#include "labctl/manifest/yaml.h"
#include "labctl/report/identity_text.h"
#include "netemu/base/error.h"

namespace labctl::cli {

int run_get_identities(const Context& context) {
    auto client = context.client();
    const auto answer = client.request("GET", "/apis/labctl.dev/v1/identities");
    const auto& output = context.options().output;
    if (output == "json") {
        std::cout << answer.dump(2) << "\n";
    } else if (output == "yaml") {
        std::cout << manifest::to_yaml(answer);
    } else if (output != "table" && output != "wide") {
        throw netemu::UsageError("no output format '" + output + "'", "table, wide, json or yaml");
    } else if (answer.at("items").empty()) {
        context.console().progress("no identities: the CNI profile cilium has them");
    } else {
        std::cout << report::identity_tables(answer);
    }
    return 0;
}

} // namespace labctl::cli
