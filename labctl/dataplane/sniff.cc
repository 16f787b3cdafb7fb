#include "labctl/dataplane/sniff.h"

#include <algorithm>
#include <array>

#include "mesh/http/h2_session.h"
#include "mesh/http/message.h"

namespace labctl::dataplane {
namespace {

constexpr std::size_t kRequestLineBytesMax = 8192;

constexpr std::array<std::string_view, 9> kMethods = {
    "GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "TRACE ", "CONNECT "};

/// "METHOD TARGET HTTP/1.x", with any token as the method.
bool is_request_line(std::string_view line) {
    if (line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    return first != last && mesh::is_token(line.substr(0, first)) &&
           line.substr(last + 1).starts_with("HTTP/");
}

/// Whether `bytes`, which hold no line end, may be the beginning of a request line.
bool may_become_request_line(std::string_view bytes) {
    return std::any_of(kMethods.begin(), kMethods.end(), [bytes](std::string_view method) {
        const auto size = std::min(bytes.size(), method.size());
        return bytes.substr(0, size) == method.substr(0, size);
    });
}

} // namespace

Speech sniff(std::string_view bytes) {
    if (bytes.starts_with(mesh::kH2Preface)) {
        return Speech::Http2;
    }
    if (mesh::kH2Preface.starts_with(bytes)) {
        return Speech::Undecided;
    }
    const auto line_end = bytes.find('\n');
    if (line_end != std::string_view::npos) {
        return is_request_line(bytes.substr(0, line_end)) ? Speech::Http1 : Speech::Raw;
    }
    return bytes.size() <= kRequestLineBytesMax && may_become_request_line(bytes)
               ? Speech::Undecided
               : Speech::Raw;
}

} // namespace labctl::dataplane
