#include <algorithm>
#include <utility>

#include "mesh/http/parser.h"
#include "mesh/http/version.h"

namespace mesh {
namespace {

bool is_target(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte > 0x20 && byte != 0x7f;
    });
}

bool target_fits_method(std::string_view method, std::string_view target) {
    if (method == "CONNECT") {
        return target.find('/') == std::string_view::npos;
    }
    if (target == "*") {
        return method == "OPTIONS";
    }
    return target.front() == '/' || target.find("://") != std::string_view::npos;
}

} // namespace

void RequestParser::start_line(std::string_view line) {
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) {
        return fail(400, "not an HTTP request line");
    }
    const auto method = line.substr(0, first);
    const auto target = line.substr(first + 1, last - first - 1);
    const int minor = detail::minor_version(line.substr(last + 1));
    if (minor == -1) {
        return fail(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    }
    if (minor < 0 || !is_token(method) || !is_target(target) ||
        !target_fits_method(method, target)) {
        return fail(400, "not an HTTP request line");
    }
    request_.method = method;
    request_.target = target;
    request_.version_minor = std::min(minor, 1);
}

void RequestParser::check_begin(std::string_view bytes) {
    // A client of another protocol, of TLS for example, waits for an answer to what it has said.
    if (bytes.front() != '\r' && bytes.front() != '\n' && !is_token(bytes.substr(0, 1))) {
        fail(400, "not an HTTP request line");
    }
}

MessageParser::Framing RequestParser::framing() {
    const auto hosts = request_.headers.count("host");
    if (hosts > 1 || (hosts == 0 && request_.version_minor > 0)) {
        fail(400, hosts == 0 ? "no Host field" : "more than one Host field");
        return Framing::None;
    }
    decide_keep_alive(request_.version_minor);
    return framing_of_fields(request_.version_minor, Framing::None);
}

bool RequestParser::wants_continue() const {
    return starts_body() && request_.version_minor > 0 &&
           equals_ignore_case(request_.headers.get("expect"), "100-continue");
}

Request RequestParser::take() {
    reset();
    return std::exchange(request_, {});
}

} // namespace mesh
