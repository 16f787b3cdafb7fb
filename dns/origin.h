#pragma once

#include <cstdint>

#include "netemu/base/address.h"

namespace dns {

/// Which part of a server gave an answer.
enum class Source : std::uint8_t {
    Server, // no plugin took the question: an error, or none at all
    Any,    // and the others: the plugin of that name
    Template,
    Hosts,
    Kubernetes,
    File,
    Cache,
    Forward,
};

/// "cache", and "-" for the server itself.
constexpr const char* source_text(Source source) {
    constexpr const char* kNames[] = {
        "-", "any", "template", "hosts", "kubernetes", "file", "cache", "forward"};
    return kNames[static_cast<std::uint8_t>(source)]; // NOLINT: one for each
}

/// Where an answer came from, for query logs and explanations. `upstream`: the server that was
/// asked last; port 0 if none was. `unanswered`: nobody could be asked, or nobody has answered.
struct Origin {
    Source source = Source::Server;
    netemu::Endpoint upstream{};
    bool unanswered = false; // by upstreams: the failure is ours
    bool operator==(const Origin&) const = default;
};

} // namespace dns
