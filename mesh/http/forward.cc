#include "mesh/http/forward.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "mesh/http/writer.h"

namespace mesh {

namespace {

constexpr std::array<std::string_view, 6> kHopByHop{
    "connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"};
/// A client that names these in Connection wants to hide them from the server behind the proxy.
constexpr std::array<std::string_view, 3> kEndToEnd{"host", "content-length", "cookie"};

std::vector<std::string> connection_options(const Headers& headers) {
    std::vector<std::string> names;
    for (const auto& field : headers.fields()) {
        if (!equals_ignore_case(field.name, "connection")) {
            continue;
        }
        std::string_view rest(field.value);
        while (!rest.empty()) {
            auto name = rest.substr(0, rest.find(','));
            rest.remove_prefix(std::min(rest.size(), name.size() + 1));
            while (!name.empty() && (name.front() == ' ' || name.front() == '\t')) {
                name.remove_prefix(1);
            }
            while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) {
                name.remove_suffix(1);
            }
            names.emplace_back(name);
        }
    }
    return names;
}

bool is_end_to_end(std::string_view name) {
    return std::any_of(kEndToEnd.begin(), kEndToEnd.end(), [name](std::string_view kept) {
        return equals_ignore_case(kept, name);
    });
}

/// Where the authority of an absolute-form target begins; npos for any other target.
std::size_t authority_at(std::string_view target) {
    const auto scheme = target.find("://");
    const bool absolute = !target.starts_with('/') && scheme != std::string_view::npos;
    return absolute ? scheme + 3 : std::string_view::npos;
}

std::string origin_target(const Request& request) {
    const auto begin = authority_at(request.target);
    if (begin == std::string::npos) {
        return request.target;
    }
    const auto path = request.target.find_first_of("/?", begin);
    if (path == std::string::npos) {
        return "/";
    }
    return (request.target[path] == '?' ? "/" : "") + request.target.substr(path);
}

void set_if_absent(Headers& headers, const char* name, const std::string& value) {
    if (!headers.has(name) && !value.empty()) {
        headers.add(name, value);
    }
}

} // namespace

void remove_hop_by_hop(Headers& headers) {
    for (const auto& name : connection_options(headers)) {
        if (!is_end_to_end(name)) {
            headers.remove(name);
        }
    }
    for (const auto name : kHopByHop) {
        headers.remove(name);
    }
}

bool upgrades(const Headers& headers, int version_minor) {
    return version_minor > 0 && headers.has("upgrade") &&
           headers.has_token("connection", "upgrade") && !headers.has_token("upgrade", "h2c") &&
           !headers.has_token("upgrade", "h2");
}

BodyFraming body_framing(const Request& request) {
    if (request.headers.has("transfer-encoding")) {
        return BodyFraming::Chunked; // the parser takes nothing else
    }
    return request.headers.has("content-length") ? BodyFraming::Sized : BodyFraming::None;
}

BodyFraming body_framing(const Response& response, const std::string& method) {
    if (method == "HEAD" || !status_has_body(response.status)) {
        return BodyFraming::None;
    }
    if (response.headers.has("transfer-encoding")) {
        return BodyFraming::Chunked;
    }
    return response.headers.has("content-length") ? BodyFraming::Sized : BodyFraming::UntilClose;
}

std::string request_authority(const Request& request) {
    const auto begin = authority_at(request.target);
    if (begin == std::string::npos) {
        return std::string(request.headers.get("host"));
    }
    const auto end = request.target.find_first_of("/?", begin);
    return request.target.substr(begin, end == std::string::npos ? end : end - begin);
}

bool is_authority(std::string_view text) {
    const auto among = [](std::string_view part, std::string_view others) {
        return std::all_of(part.begin(), part.end(), [others](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   others.find(c) != std::string_view::npos;
        });
    };
    const bool literal = text.starts_with('[');
    const auto host_end = literal ? text.find(']') : std::min(text.find(':'), text.size());
    if (host_end == std::string_view::npos) {
        return false;
    }
    const auto host = literal ? text.substr(1, host_end - 1) : text.substr(0, host_end);
    auto rest = text.substr(host_end + (literal ? 1 : 0));
    const bool has_port = rest.starts_with(':');
    rest.remove_prefix(has_port ? 1 : 0);
    const bool good_port = rest.size() <= 5 && std::all_of(rest.begin(), rest.end(), [](char c) {
                               return c >= '0' && c <= '9';
                           });
    return among(host, literal ? ":." : "-._~%!$&'()*+,;=") && good_port &&
           (has_port || rest.empty());
}

Request pass_request(const Request& head) {
    Request out;
    out.method = head.method;
    out.target = origin_target(head);
    out.headers = head.headers;
    const auto framing = body_framing(head);
    const auto protocol =
        upgrades(head.headers, head.version_minor) ? std::string(head.headers.get("upgrade")) : "";
    remove_hop_by_hop(out.headers);
    out.headers.remove("expect");
    out.headers.remove("http2-settings"); // of an upgrade to h2c
    out.headers.set("host", request_authority(head));
    if (framing == BodyFraming::Chunked) {
        out.headers.add("transfer-encoding", "chunked");
    }
    if (!protocol.empty()) {
        out.headers.add("connection", "upgrade");
        out.headers.add("upgrade", protocol);
    }
    return out;
}

Request forward_request(const Request& head, const ForwardedFor& from) {
    auto out = pass_request(head);
    out.headers.set("x-forwarded-for", from.client);
    out.headers.set("x-forwarded-host", request_authority(head));
    out.headers.set("x-forwarded-port", std::to_string(from.port));
    out.headers.set("x-forwarded-proto", from.scheme);
    out.headers.set("x-real-ip", from.client);
    set_if_absent(out.headers, "x-request-id", from.request_id);
    return out;
}

BodyFraming client_framing(BodyFraming framing, int client_version_minor) {
    if (framing == BodyFraming::UntilClose || framing == BodyFraming::Chunked) {
        return client_version_minor == 0 ? BodyFraming::UntilClose : BodyFraming::Chunked;
    }
    return framing;
}

Response pass_response(const Response& head) {
    Response out;
    out.status = head.status;
    out.reason = head.reason;
    out.headers = head.headers;
    const auto protocol = head.status == 101 ? std::string(head.headers.get("upgrade")) : "";
    remove_hop_by_hop(out.headers);
    if (head.status < 200 || head.status == 204) {
        out.headers.remove("content-length"); // RFC 9110 section 8.6
    }
    if (!protocol.empty()) {
        out.headers.add("connection", "upgrade");
        out.headers.add("upgrade", protocol);
    }
    return out;
}

void frame_response(
    Response& head, int client_version_minor, BodyFraming framing, bool keep_alive) {
    if (framing == BodyFraming::Chunked) {
        head.headers.remove("content-length");
        head.headers.add("transfer-encoding", "chunked");
    }
    if (!keep_alive) {
        head.headers.add("connection", "close");
    } else if (client_version_minor == 0) {
        head.headers.add("connection", "keep-alive");
    }
}

} // namespace mesh
