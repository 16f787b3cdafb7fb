#include "labctl/manifest/names.h"

#include <algorithm>

#include "labctl/manifest/compose.h"
#include "netemu/base/address.h"
#include "netemu/base/text.h"

namespace labctl::manifest {

namespace {

constexpr std::size_t kLabelMax = 63;
constexpr std::size_t kSubdomainMax = 253;
constexpr std::size_t kPortNameMax = 15;

bool lower(char c) {
    return c >= 'a' && c <= 'z';
}
bool digit(char c) {
    return c >= '0' && c <= '9';
}
bool alnum(char c) {
    return lower(c) || digit(c) || (c >= 'A' && c <= 'Z');
}
bool lower_alnum(char c) {
    return lower(c) || digit(c);
}

template <class Edge>
bool shaped(std::string_view text, Edge edge, std::string_view inside) {
    return !text.empty() && edge(text.front()) && edge(text.back()) &&
           std::all_of(text.begin(), text.end(), [&](char c) {
               return edge(c) || inside.find(c) != std::string_view::npos;
           });
}

std::string too_long(std::size_t most) {
    return compose({"must be no more than ", std::to_string(most), " bytes"});
}

bool subdomain_shaped(std::string_view text) {
    const auto labels = netemu::split(text, '.');
    return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
        return shaped(label, lower_alnum, "-");
    });
}

} // namespace

std::string dns_label(std::string_view text) {
    if (text.size() > kLabelMax) {
        return too_long(kLabelMax);
    }
    return shaped(text, lower_alnum, "-") ? ""
                                          : "a lowercase RFC 1123 label must consist of lower case "
                                            "alphanumeric characters or '-', "
                                            "and must start and end with an alphanumeric character "
                                            "(e.g. 'my-name',  or '123-abc')";
}

std::string dns_subdomain(std::string_view text) {
    if (text.size() > kSubdomainMax) {
        return too_long(kSubdomainMax);
    }
    return subdomain_shaped(text) ? ""
                                  : "a lowercase RFC 1123 subdomain must consist of lower case "
                                    "alphanumeric characters, '-' "
                                    "or '.', and must start and end with an alphanumeric character "
                                    "(e.g. 'example.com')";
}

std::string wildcard_subdomain(std::string_view text) {
    if (text.starts_with("*.") && subdomain_shaped(text.substr(2)) &&
        text.size() <= kSubdomainMax) {
        return "";
    }
    return "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, "
           "which "
           "must consist of lower case alphanumeric characters, '-' or '.' and end with an "
           "alphanumeric "
           "character (e.g. '*.example.com')";
}

std::string dns_service_name(std::string_view text) {
    if (text.size() > kLabelMax) {
        return too_long(kLabelMax);
    }
    return shaped(text, lower_alnum, "-") && lower(text.front())
               ? ""
               : "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
                 "start with "
                 "an alphabetic character, and end with an alphanumeric character (e.g. 'my-name', "
                 " or "
                 "'abc-123')";
}

std::string path_segment(std::string_view text) {
    if (text == "." || text == "..") {
        return compose({"may not be '", text, "'"});
    }
    for (const std::string_view bad : {"/", "%"}) {
        if (text.find(bad) != text.npos) {
            return compose({"may not contain '", bad, "'"});
        }
    }
    return "";
}

std::string qualified_name(std::string_view text) {
    const auto slash = text.find('/');
    auto name = text;
    if (slash != text.npos) {
        const auto prefix = text.substr(0, slash);
        name = text.substr(slash + 1);
        if (prefix.empty()) {
            return "prefix part must be non-empty";
        }
        if (const auto why = dns_subdomain(prefix); !why.empty()) {
            return compose({"prefix part ", why});
        }
    }
    if (name.empty()) {
        return "name part must be non-empty";
    }
    if (name.size() > kLabelMax) {
        return compose({"name part ", too_long(kLabelMax)});
    }
    if (name.find('/') != name.npos) {
        return "a qualified name must consist of alphanumeric characters, '-', '_' or '.', with an "
               "optional "
               "DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
    }
    return shaped(name, alnum, "-_.")
               ? ""
               : "name part must consist of alphanumeric characters, '-', '_' or '.', and must "
                 "start and end "
                 "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc')";
}

std::string label_value(std::string_view text) {
    if (text.size() > kLabelMax) {
        return too_long(kLabelMax);
    }
    return text.empty() || shaped(text, alnum, "-_.")
               ? ""
               : "a valid label must be an empty string or consist of alphanumeric characters, "
                 "'-', '_' or "
                 "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
                 "'my_value',  or '12345')";
}

std::string port_name(std::string_view text) {
    if (text.size() > kPortNameMax) {
        return "must be no more than 15 characters";
    }
    if (!std::all_of(text.begin(), text.end(), [](char c) { return lower_alnum(c) || c == '-'; })) {
        return "must contain only alphanumeric characters (a-z, 0-9), and hyphens ('-')";
    }
    if (std::none_of(text.begin(), text.end(), lower)) {
        return "must contain at least one letter (a-z)";
    }
    if (text.find("--") != text.npos) {
        return "must not contain consecutive hyphens";
    }
    return text.front() == '-' || text.back() == '-' ? "must not begin or end with a hyphen" : "";
}

std::string env_name(std::string_view text) {
    const bool printable = std::all_of(
        text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~' && c != '='; });
    return printable ? ""
                     : "a valid environment variable name must consist only of printable ASCII "
                       "characters other than '='";
}

std::string config_key(std::string_view text) {
    if (text.size() > kSubdomainMax) {
        return too_long(kSubdomainMax);
    }
    if (text == "." || text == "..") {
        return compose({"must not be '", text, "'"});
    }
    const bool fine = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return alnum(c) || c == '-' || c == '_' || c == '.';
    });
    if (!fine) {
        return "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
               "'key.name',  or 'KEY_NAME',  or 'key-name')";
    }
    return text.starts_with("..") ? "must not start with '..'" : "";
}

std::string ip_address(std::string_view text) {
    return netemu::IpAddress::parse(text)
               ? ""
               : "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
}

std::string object_reference(std::string_view text) {
    const auto parts = netemu::split(text, '/');
    const bool fine = (parts.size() == 2 || parts.size() == 3) &&
                      std::none_of(parts.begin(), parts.end(), [](auto p) { return p.empty(); });
    return fine ? "" : "must be KIND/NAME or KIND/NAMESPACE/NAME";
}

std::string trust_domain(std::string_view text) {
    constexpr std::size_t kLongest = 255;
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
    const bool fine = !text.empty() && text.size() <= kLongest &&
                      text.find_first_not_of(kAllowed) == std::string_view::npos;
    return fine ? "" : "must be 1 to 255 lower case letters, digits, '.', '-' and '_'";
}

std::string duration(std::string_view text) {
    return netemu::parse_duration_us(text) ? "" : "must be a duration, (e.g. 30s, 10m or 24h)";
}

std::string cidr(std::string_view text) {
    return netemu::IpPrefix::parse(text)
               ? ""
               : "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
}

std::string percent_or_number(std::string_view text) {
    const bool fine =
        text.size() > 1 && text.back() == '%' && std::all_of(text.begin(), text.end() - 1, digit);
    return fine ? ""
                : "a valid percent string must be a numeric string followed by an ending '%' (e.g. "
                  "'1%', "
                  " or '93%')";
}

} // namespace labctl::manifest
