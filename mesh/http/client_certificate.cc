#include "mesh/http/client_certificate.h"

#include <utility>

#include "netemu/base/text.h"

namespace mesh {
namespace {

/// Takes what is before the next separator of these, outside of quotes, and that separator.
std::string_view take_until(std::string_view& rest, std::string_view separators, char& found) {
    bool quoted = false;
    for (std::size_t i = 0; i < rest.size(); ++i) {
        const char c = rest[i];
        if (quoted && c == '\\') {
            ++i;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && separators.find(c) != std::string_view::npos) {
            const auto taken = rest.substr(0, i);
            rest.remove_prefix(i + 1);
            found = c;
            return taken;
        }
    }
    found = '\0';
    return std::exchange(rest, {});
}

} // namespace

ForwardedCertificate read_forwarded_certificate(std::string_view field) {
    ForwardedCertificate last;
    char separator = ',';
    while (separator != '\0') {
        if (separator == ',') {
            last = {};
        }
        const auto pair = netemu::trim(take_until(field, ",;", separator));
        const auto equals = pair.find('=');
        if (equals == std::string_view::npos) {
            continue;
        }
        const auto name = netemu::to_lower(pair.substr(0, equals));
        auto value = pair.substr(equals + 1);
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
            value = value.substr(1, value.size() - 2);
        }
        if (name == "by") {
            last.by = value;
        } else if (name == "uri") {
            last.uri = value;
        }
    }
    return last;
}

} // namespace mesh
