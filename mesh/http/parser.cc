#include "mesh/http/parser.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace mesh {
namespace {

/// Longest chunk-size or trailer line; a chunk extension has no use that needs more.
constexpr std::size_t kChunkLineBytesMax = 4096;
constexpr std::size_t kTrailerBytesMax = 16384;
constexpr std::size_t kInterimResponsesMax = 16;

/// Offset behind the empty line that ends a head, or npos. `from` bytes are known to hold none.
std::size_t end_of_head(std::string_view text, std::size_t from) {
    for (auto lf = text.find('\n', from); lf != std::string_view::npos;
         lf = text.find('\n', lf + 1)) {
        if (lf + 1 < text.size() && text[lf + 1] == '\n') {
            return lf + 2;
        }
        if (lf + 2 < text.size() && text[lf + 1] == '\r' && text[lf + 2] == '\n') {
            return lf + 3;
        }
    }
    return std::string_view::npos;
}

/// The bytes of an empty line at the front of `text`: 0 if there is none.
std::size_t empty_line(std::string_view text) {
    if (text.starts_with("\r\n")) {
        return 2;
    }
    return text.starts_with("\n") ? 1 : 0;
}

/// Takes the next line off `text`, which holds one.
std::string_view take_line(std::string_view& text) {
    const auto lf = text.find('\n');
    const auto line = text.substr(0, lf);
    text.remove_prefix(lf + 1);
    return line;
}

bool forbidden_in_trailers(std::string_view name) {
    return equals_ignore_case(name, "content-length") ||
           equals_ignore_case(name, "transfer-encoding") || equals_ignore_case(name, "host");
}

std::string_view trim_ows(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

} // namespace

void MessageParser::fail(int status, std::string text) {
    if (state_ != State::Failed) {
        state_ = State::Failed;
        error_ = {status, std::move(text)};
    }
}

void MessageParser::reset() {
    state_ = State::Head;
    head_.clear();
    seen_ = false;
    scanned_ = trailer_bytes_ = interim_ = 0;
    remaining_ = body_bytes_ = 0;
    keep_alive_ = true;
    error_ = {};
    sink_ = nullptr;
}

std::size_t MessageParser::feed(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && state_ != State::Complete && state_ != State::Failed) {
        const auto rest = bytes.substr(used);
        used += state_ == State::Head ? feed_head(rest) : feed_body(rest);
    }
    return used;
}

std::size_t MessageParser::feed_head(std::string_view bytes) {
    if (head_.empty()) {
        // A client may end the body of its last request with an extra line (RFC 9112 section 2.2).
        if (const auto skip = seen_ ? 0 : empty_line(bytes); skip > 0) {
            seen_ = true;
            return skip;
        }
        if (const auto end = end_of_head(bytes, 0);
            end != std::string_view::npos && end <= options_.head_bytes_max) {
            read_head(bytes.substr(0, end));
            return end;
        }
    }
    const auto before = head_.size();
    head_.append(
        bytes.substr(0, options_.head_bytes_max + 1 - std::min(before, options_.head_bytes_max)));
    if (!seen_ && head_.starts_with("\r\n")) {
        head_.clear();
        seen_ = true;
        return 2 - before;
    }
    const auto end = end_of_head(head_, scanned_);
    if (end != std::string::npos && end <= options_.head_bytes_max) {
        const auto head = std::exchange(head_, {});
        scanned_ = 0;
        read_head(std::string_view(head).substr(0, end));
        return end - before;
    }
    if (head_.size() > options_.head_bytes_max) {
        fail(431, "the head is longer than " + std::to_string(options_.head_bytes_max) + " bytes");
    } else {
        check_begin(head_);
    }
    scanned_ =
        head_.size() < 3 ? 0 : head_.size() - 3; // an end may straddle this piece and the next
    return bytes.size();
}

void MessageParser::read_head(std::string_view head) {
    bool first = true;
    while (state_ == State::Head) {
        auto line = take_line(head);
        if (!line.empty() && line.back() == '\r') {
            line.remove_suffix(1);
        } else if (!options_.bare_lf) {
            return fail(400, "a line of the head ends with LF instead of CRLF");
        }
        if (line.empty() && !first) {
            return begin_body();
        }
        first ? start_line(line) : field_line(line, headers());
        first = false;
    }
}

void MessageParser::field_line(std::string_view line, Headers& into) {
    if (line.front() == ' ' || line.front() == '\t') {
        return fail(400, "a folded field line");
    }
    const auto colon = line.find(':');
    const auto name = line.substr(0, colon);
    if (colon == std::string_view::npos || !is_token(name)) {
        return fail(400, "a field line without a proper name and colon");
    }
    const auto value = trim_ows(line.substr(colon + 1));
    if (!is_field_value(value)) {
        return fail(400, "a control character in the field " + std::string(name));
    }
    if (into.size() >= options_.fields_max) {
        return fail(431, "more than " + std::to_string(options_.fields_max) + " fields");
    }
    into.add(std::string(name), std::string(value));
}

void MessageParser::begin_body() {
    const auto how = framing();
    if (failed()) {
        return;
    }
    switch (how) {
    case Framing::Interim:
        seen_ = true;
        if (++interim_ > kInterimResponsesMax) {
            fail(502, "too many interim responses");
        }
        break;
    case Framing::None:
        state_ = State::Complete;
        break;
    case Framing::Sized:
        state_ = remaining_ == 0 ? State::Complete : State::Sized;
        break;
    case Framing::Chunked:
        state_ = State::ChunkSize;
        break;
    case Framing::UntilClose:
        keep_alive_ = false;
        state_ = State::UntilClose;
        break;
    }
}

MessageParser::Framing MessageParser::framing_of_fields(int version_minor, Framing neither) {
    const auto codings = headers().count("transfer-encoding");
    const auto lengths = headers().count("content-length");
    if (codings == 0 && lengths == 0) {
        return neither;
    }
    if (codings == 0) {
        return content_length();
    }
    if (lengths > 0) {
        fail(400, "both Transfer-Encoding and Content-Length");
    } else if (version_minor == 0) {
        fail(400, "Transfer-Encoding in HTTP/1.0");
    } else if (codings > 1 || !equals_ignore_case(headers().get("transfer-encoding"), "chunked")) {
        const bool chunked = headers().has_token("transfer-encoding", "chunked");
        fail(chunked ? 400 : 501, "a transfer coding other than one \"chunked\"");
    }
    return Framing::Chunked;
}

MessageParser::Framing MessageParser::content_length() {
    const auto text = headers().get("content-length");
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    if (headers().count("content-length") > 1 || text.empty() ||
        error == std::errc::invalid_argument || end != text.data() + text.size()) {
        fail(400, "Content-Length is not one number");
    } else if (error != std::errc() || (!sink_ && length > options_.body_bytes_max)) {
        fail(413, "a body of more than " + std::to_string(options_.body_bytes_max) + " bytes");
    }
    set_length(length);
    return Framing::Sized;
}

void MessageParser::decide_keep_alive(int version_minor) {
    keep_alive_ = version_minor == 0 ? headers().has_token("connection", "keep-alive")
                                     : !headers().has_token("connection", "close");
}

bool MessageParser::starts_body() const {
    return state_ != State::Head && state_ != State::Complete && state_ != State::Failed &&
           body_bytes_ == 0;
}

std::size_t MessageParser::feed_body(std::string_view bytes) {
    switch (state_) {
    case State::UntilClose:
        take_body(bytes);
        return bytes.size();
    case State::Sized:
    case State::ChunkData: {
        const auto size =
            static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
        take_body(bytes.substr(0, size));
        remaining_ -= size;
        if (remaining_ == 0 && !failed()) {
            state_ = state_ == State::Sized ? State::Complete : State::ChunkEnd;
        }
        return size;
    }
    default:
        return feed_line(bytes);
    }
}

std::size_t MessageParser::feed_line(std::string_view bytes) {
    const auto lf = bytes.find('\n');
    const auto size = lf == std::string_view::npos ? bytes.size() : lf + 1;
    head_.append(bytes.substr(0, size));
    if (head_.size() > kChunkLineBytesMax) {
        fail(400, "a line of the chunked body is too long");
        return size;
    }
    if (lf == std::string_view::npos) {
        return size;
    }
    const auto held = std::exchange(head_, {});
    auto line = std::string_view(held);
    line.remove_suffix(1);
    if (line.empty() || line.back() != '\r') {
        fail(400, "a line of the chunked body ends with LF instead of CRLF");
        return size;
    }
    line.remove_suffix(1);
    if (state_ == State::ChunkSize) {
        chunk_size_line(line);
    } else if (state_ == State::Trailers) {
        trailer_line(line);
    } else if (!line.empty()) {
        fail(400, "a chunk is longer than its size says");
    } else {
        state_ = State::ChunkSize;
    }
    return size;
}

void MessageParser::chunk_size_line(std::string_view line) {
    const auto digits = line.substr(0, line.find_first_of("; \t"));
    const auto extension = line.substr(digits.size());
    std::uint64_t size = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
    const bool well_formed = error == std::errc() && end == digits.data() + digits.size();
    const auto rest = trim_ows(extension);
    if (!well_formed || (!rest.empty() && rest.front() != ';') || !is_field_value(extension)) {
        return fail(400, "a malformed chunk size");
    }
    if (!sink_ && size > options_.body_bytes_max -
                             std::min<std::uint64_t>(body_bytes_, options_.body_bytes_max)) {
        return fail(
            413, "a body of more than " + std::to_string(options_.body_bytes_max) + " bytes");
    }
    remaining_ = size;
    state_ = size == 0 ? State::Trailers : State::ChunkData;
}

void MessageParser::trailer_line(std::string_view line) {
    if (line.empty()) {
        state_ = State::Complete;
        return;
    }
    trailer_bytes_ += line.size();
    if (trailer_bytes_ > kTrailerBytesMax) {
        return fail(431, "the trailers are too long");
    }
    field_line(line, trailers());
    if (!failed() && forbidden_in_trailers(trailers().fields().back().name)) {
        fail(400, "a framing field among the trailers");
    }
}

void MessageParser::take_body(std::string_view piece) {
    body_bytes_ += piece.size();
    if (sink_) {
        sink_(piece);
    } else if (body_bytes_ > options_.body_bytes_max) {
        fail(413, "a body of more than " + std::to_string(options_.body_bytes_max) + " bytes");
    } else {
        body().append(piece);
    }
}

void MessageParser::end_of_input() {
    if (state_ == State::UntilClose) {
        state_ = State::Complete;
    } else if (state_ != State::Complete && !idle()) {
        fail(400, "the peer closed in the middle of a message");
    }
}

} // namespace mesh
