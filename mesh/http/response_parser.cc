#include <algorithm>
#include <charconv>
#include <utility>

#include "mesh/http/parser.h"
#include "mesh/http/version.h"

namespace mesh {

void ResponseParser::start_line(std::string_view line) {
    const auto space = line.find(' ');
    const int minor = detail::minor_version(line.substr(0, space));
    if (space == std::string_view::npos || minor < 0) {
        return fail(502, "not an HTTP/1.x status line");
    }
    const auto code = line.substr(space + 1, 3);
    const auto rest = line.substr(std::min(line.size(), space + 1 + code.size()));
    int status = 0;
    const auto [end, error] = std::from_chars(code.data(), code.data() + code.size(), status);
    if (error != std::errc() || end != code.data() + code.size() || status < 100 ||
        (!rest.empty() && rest.front() != ' ') || !is_field_value(rest)) {
        return fail(502, "not an HTTP/1.x status line");
    }
    response_.version_minor = std::min(minor, 1);
    response_.status = status;
    response_.reason = rest.empty() ? rest : rest.substr(1);
}

void ResponseParser::check_begin(std::string_view bytes) {
    // A server of another protocol may greet and then wait: nobody should wait with it.
    constexpr std::string_view kStart = "HTTP/1.";
    if (bytes.front() != '\r' && bytes.substr(0, kStart.size()) != kStart.substr(0, bytes.size())) {
        fail(502, "not an HTTP/1.x status line");
    }
}

MessageParser::Framing ResponseParser::framing() {
    const int status = response_.status;
    if (status < 200 && status != 101) {
        response_ = {};
        return Framing::Interim;
    }
    decide_keep_alive(response_.version_minor);
    const auto framed = framing_of_fields(response_.version_minor, Framing::UntilClose);
    const bool no_body = status == 101 || status == 204 || status == 304 || method_ == "HEAD" ||
                         (method_ == "CONNECT" && status < 300);
    return no_body ? Framing::None : framed;
}

Response ResponseParser::take(std::string next_method) {
    reset();
    method_ = std::move(next_method);
    return std::exchange(response_, {});
}

} // namespace mesh
