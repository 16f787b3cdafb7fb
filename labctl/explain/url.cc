#include "labctl/explain/url.h"

#include "netemu/base/error.h"

namespace labctl::explain {

namespace {

constexpr const char* kPodPrefix = "pod:";

/// Of the colon before the port; npos: there is none.
std::size_t port_colon(const std::string& authority) {
    const auto colon = authority.rfind(':');
    const bool of_prefix = authority.starts_with(kPodPrefix) && colon == 3;
    const auto bracket = authority.rfind(']');
    const bool of_address = bracket != std::string::npos && colon < bracket;
    return of_prefix || of_address ? std::string::npos : colon;
}

} // namespace

std::string AskedUrl::connection() const {
    return port_colon(authority) != std::string::npos
               ? authority
               : authority + (scheme == "https" ? ":443" : ":80");
}

std::string AskedUrl::host() const {
    auto name = authority.substr(0, port_colon(authority));
    if (name.size() > 2 && name.starts_with('[') && name.ends_with(']')) {
        name = name.substr(1, name.size() - 2);
    }
    return name;
}

bool is_asked_url(const std::string& text) {
    return text.starts_with("http://") || text.starts_with("https://");
}

AskedUrl read_asked_url(const std::string& url) {
    const auto end = url.find("://");
    AskedUrl asked;
    asked.scheme = url.substr(0, end);
    const auto begin = end + 3;
    auto search = begin;
    if (url.compare(begin, 4, kPodPrefix) == 0) { // its namespace and name have a slash between
        const auto slash = url.find('/', begin);
        search = slash == std::string::npos ? begin : slash + 1;
    }
    const auto path = url.find_first_of("/?#", search);
    asked.authority = url.substr(begin, path == std::string::npos ? path : path - begin);
    asked.target = path == std::string::npos ? "/" : url.substr(path);
    if (!asked.target.starts_with('/')) {
        asked.target.insert(0, "/");
    }
    if (asked.authority.empty()) {
        throw netemu::UsageError(
            "explain '" + url + "': it names no host", "labctl explain FROM http://HOST/PATH");
    }
    return asked;
}

} // namespace labctl::explain
