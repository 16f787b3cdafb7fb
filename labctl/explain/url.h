#pragma once

#include <string>

/// URLs that `labctl explain` is asked about. Internal to this folder.
namespace labctl::explain {

struct AskedUrl {
    std::string scheme;    // "http", "https"
    std::string authority; // "web.lab:8080", "pod:shop/web-1:8080"
    std::string target;    // path and query

    /// The target of a question about the connection: the authority, with the scheme's port if it
    /// names none.
    [[nodiscard]] std::string connection() const;
    /// Without the port; an IPv6 address without brackets.
    [[nodiscard]] std::string host() const;
};

/// Whether it begins like one.
[[nodiscard]] bool is_asked_url(const std::string& text);

/// Throws netemu::UsageError where it names no host. Pure.
[[nodiscard]] AskedUrl read_asked_url(const std::string& url);

} // namespace labctl::explain
