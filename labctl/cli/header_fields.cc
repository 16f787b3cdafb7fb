#include "labctl/cli/options.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::cli {

std::map<std::string, std::string> header_fields(const Options& options) {
    std::map<std::string, std::string> fields;
    for (const auto& header : options.headers) {
        const auto colon = header.find(':');
        if (colon == std::string::npos) {
            throw netemu::UsageError("header '" + header + "' is not of the form NAME: VALUE");
        }
        fields[header.substr(0, colon)] = netemu::trim(std::string_view(header).substr(colon + 1));
    }
    return fields;
}

} // namespace labctl::cli
