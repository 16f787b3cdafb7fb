#include "mesh/http/h2_fields.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "netemu/base/text.h"

namespace mesh {
namespace {

/// Fields of one HTTP/1.1 connection, which HTTP/2 forbids (RFC 9113 section 8.2.2).
bool is_connection_field(std::string_view name) {
    constexpr std::array<std::string_view, 6> kForbidden{
        "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"};
    return std::find(kForbidden.begin(), kForbidden.end(), name) != kForbidden.end();
}

/// In lower case, and without what belongs to a connection; `but` is one more to be left out.
void add_fields(H2Fields& fields, const Headers& headers, std::string_view but = {}) {
    for (const auto& field : headers.fields()) {
        auto name = netemu::to_lower(field.name);
        if (!is_connection_field(name) && name != but) {
            fields.emplace_back(std::move(name), field.value);
        }
    }
    if (headers.has_token("te", "trailers")) { // the one thing that TE may say
        fields.emplace_back("te", "trailers");
    }
}

/// What arrives as several fields is one in HTTP/1.1 (RFC 9113 section 8.2.3).
void join_cookies(Headers& headers) {
    if (headers.count("cookie") < 2) {
        return;
    }
    std::string all;
    for (const auto& field : headers.fields()) {
        if (equals_ignore_case(field.name, "cookie")) {
            all += (all.empty() ? "" : "; ") + field.value;
        }
    }
    headers.set("cookie", std::move(all));
}

void mark_body(Headers& headers, bool ends) {
    if (!ends && !headers.has("content-length")) {
        headers.add("transfer-encoding", "chunked");
    }
}

} // namespace

H2Fields h2_request_fields(const Request& head, std::string_view scheme) {
    H2Fields fields{
        {":method", head.method}, {":scheme", std::string(scheme)}, {":path", head.target}};
    if (const auto host = head.headers.get("host"); !host.empty()) {
        fields.emplace_back(":authority", host);
    }
    add_fields(fields, head.headers, "host");
    return fields;
}

H2Fields h2_response_fields(const Response& head) {
    H2Fields fields{{":status", std::to_string(head.status)}};
    add_fields(fields, head.headers);
    return fields;
}

H2Fields h2_trailer_fields(const Headers& trailers) {
    H2Fields fields;
    add_fields(fields, trailers);
    return fields;
}

void take_h2_request_field(Request& head, std::string_view name, std::string_view value) {
    if (name == ":method") {
        head.method = value;
    } else if (name == ":path") {
        head.target = value;
    } else if (name == ":authority") {
        head.headers.set("host", std::string(value));
    } else if (!name.starts_with(':') && !(name == "host" && head.headers.has("host"))) {
        head.headers.add(std::string(name), std::string(value));
    }
}

void take_h2_response_field(Response& head, std::string_view name, std::string_view value) {
    if (name == ":status") {
        std::from_chars(value.data(), value.data() + value.size(), head.status);
    } else if (!name.starts_with(':')) {
        head.headers.add(std::string(name), std::string(value));
    }
}

void complete_h2_request(Request& head, bool ends) {
    mark_body(head.headers, ends);
    join_cookies(head.headers);
    if (head.method == "CONNECT") {
        head.target = head.headers.get("host");
    }
}

void complete_h2_response(Response& head, bool ends) {
    mark_body(head.headers, ends);
}

} // namespace mesh
