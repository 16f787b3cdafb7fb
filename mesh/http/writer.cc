#include "mesh/http/writer.h"

#include <array>
#include <charconv>

#include "netemu/base/error.h"

namespace mesh {
namespace {

void append_fields(std::string& out, const Headers& headers) {
    for (const auto& field : headers.fields()) {
        if (!is_token(field.name) || !is_field_value(field.value)) {
            throw netemu::Error(
                "the HTTP field \"" + field.name + "\" has a character that may not be sent");
        }
        out.append(field.name).append(": ").append(field.value).append("\r\n");
    }
}

void append_length(std::string& out, std::size_t length) {
    out.append("content-length: ").append(std::to_string(length)).append("\r\n");
}

bool has_framing(const Headers& headers) {
    return headers.has("content-length") || headers.has("transfer-encoding");
}

void append_request_line(std::string& out, const Request& request) {
    const bool target_ok = !request.target.empty() && is_field_value(request.target) &&
                           request.target.find_first_of(" \t") == std::string::npos;
    if (!is_token(request.method) || !target_ok) {
        throw netemu::Error(
            "\"" + request.method + " " + request.target + "\" is not an HTTP request line");
    }
    out.append(request.method).append(" ").append(request.target);
    out.append(request.version_minor == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
}

void append_status_line(std::string& out, const Response& response) {
    if (response.status < 100 || response.status > 999 || !is_field_value(response.reason)) {
        throw netemu::Error("HTTP status " + std::to_string(response.status) + " cannot be sent");
    }
    out.append(response.version_minor == 0 ? "HTTP/1.0 " : "HTTP/1.1 ");
    out.append(std::to_string(response.status)).append(" ");
    out.append(response.reason.empty() ? reason_phrase(response.status) : response.reason);
    out.append("\r\n");
}

bool announces_body(const Request& request) {
    return !request.body.empty() || request.method == "POST" || request.method == "PUT" ||
           request.method == "PATCH";
}

} // namespace

std::string to_bytes(const Request& request) {
    std::string out;
    out.reserve(256 + request.body.size());
    append_request_line(out, request);
    append_fields(out, request.headers);
    if (announces_body(request) && !has_framing(request.headers)) {
        append_length(out, request.body.size());
    }
    return out.append("\r\n").append(request.body);
}

std::string to_bytes(const Response& response, bool head_only) {
    std::string out;
    out.reserve(256 + response.body.size());
    append_status_line(out, response);
    append_fields(out, response.headers);
    const bool has_body = status_has_body(response.status);
    if (has_body && !has_framing(response.headers)) {
        append_length(out, response.body.size());
    }
    out.append("\r\n");
    return has_body && !head_only ? out.append(response.body) : out;
}

std::string head_bytes(const Request& request) {
    std::string out;
    append_request_line(out, request);
    append_fields(out, request.headers);
    return out.append("\r\n");
}

std::string head_bytes(const Response& response) {
    std::string out;
    append_status_line(out, response);
    append_fields(out, response.headers);
    return out.append("\r\n");
}

std::string chunk_head_bytes(std::size_t size) {
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr;
    return std::string(digits.data(), end).append("\r\n");
}

std::string chunk_bytes(std::string_view data) {
    return data.empty() ? std::string() : chunk_head_bytes(data.size()).append(data).append("\r\n");
}

std::string last_chunk_bytes(const Headers& trailers) {
    std::string out = "0\r\n";
    append_fields(out, trailers);
    return out.append("\r\n");
}

bool status_has_body(int status) {
    return status >= 200 && status != 204 && status != 304;
}

} // namespace mesh
