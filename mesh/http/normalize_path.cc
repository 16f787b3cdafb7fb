#include "mesh/http/normalize_path.h"

#include <vector>

#include "netemu/base/text.h"

namespace mesh {

namespace {

constexpr std::size_t kEscapeSize = 3;

/// RFC 3986 section 2.3.
bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/// What the escape at the front says, or -1 if there is none.
int escaped(std::string_view text) {
    if (text.size() < kEscapeSize || text[0] != '%') {
        return -1;
    }
    const int high = netemu::hex_digit(text[1]);
    const int low = netemu::hex_digit(text[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/// Without escapes that stand for slashes (if wanted) or unreserved characters; nullopt for %00.
std::optional<std::string> decode(std::string_view path, bool slashes) {
    std::string decoded;
    std::size_t whole_from = 0; // escapes that begin before it stay as they are
    for (std::size_t i = 0; i < path.size();) {
        const int code = escaped(path.substr(i));
        if (code == 0) {
            return std::nullopt;
        }
        if (code < 0) {
            if (path[i] == '%') {
                whole_from = i + kEscapeSize;
            }
            decoded += path[i] == '\\' ? '/' : path[i];
            ++i;
            continue;
        }
        const auto c = static_cast<char>(code);
        const bool is_slash = c == '/' || c == '\\';
        if (i >= whole_from && is_slash && slashes) {
            decoded += '/';
        } else if (i >= whole_from && is_unreserved(c)) {
            decoded += c;
        } else {
            decoded += path.substr(i, kEscapeSize);
        }
        i += kEscapeSize;
    }
    return decoded;
}

/// RFC 3986 section 5.2.4; a segment may be empty. `path` begins with '/'.
std::string resolve_dots(std::string_view path) {
    const auto segments = netemu::split(path.substr(1), '/');
    std::vector<std::string_view> kept;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const bool up = segments[i] == "..";
        if (up && !kept.empty()) {
            kept.pop_back();
        }
        if (!up && segments[i] != ".") {
            kept.push_back(segments[i]);
        } else if (i + 1 == segments.size()) {
            kept.emplace_back(); // what is left is a folder
        }
    }
    std::string resolved;
    for (const auto segment : kept) {
        resolved.append("/").append(segment);
    }
    return resolved.empty() ? "/" : resolved;
}

std::string merge_slashes(std::string_view path) {
    std::string merged;
    for (const char c : path) {
        if (c != '/' || !merged.ends_with('/')) {
            merged += c;
        }
    }
    return merged;
}

} // namespace

std::optional<std::string> normalize_path(std::string_view target, PathNormalization how) {
    if (target == "*") {
        return std::string(target); // OPTIONS of the server as a whole
    }
    if (!target.starts_with('/') || target.find('#') != std::string_view::npos) {
        return std::nullopt;
    }
    const auto query = std::min(target.find('?'), target.size());
    const auto decoded =
        decode(target.substr(0, query), how == PathNormalization::DecodeAndMergeSlashes);
    if (!decoded) {
        return std::nullopt;
    }
    auto path = resolve_dots(*decoded);
    if (how != PathNormalization::Base) {
        path = merge_slashes(path);
    }
    return path.append(target.substr(query));
}

} // namespace mesh
