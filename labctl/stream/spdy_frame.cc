#include "labctl/stream/spdy_frame.h"

#include <algorithm>

#include "labctl/stream/big_endian.h"

namespace labctl::stream {

namespace {

constexpr std::size_t kHeadBytes = 8;
constexpr unsigned kVersion = 3;
constexpr unsigned kControl = 0x8000;
constexpr unsigned kFin = 0x01;
constexpr std::uint32_t kNumberMask = 0x7fffffff; // the highest bit is reserved

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint32_t>(from_big_endian(bytes.substr(at, sizeof(std::uint32_t))));
}

std::string word(std::uint32_t value) {
    return big_endian(value, sizeof value);
}

std::string control_head(SpdyType type, std::size_t size) {
    return word((kControl | kVersion) << 16U | static_cast<std::uint32_t>(type)) +
           word(static_cast<std::uint32_t>(size));
}

/// What stands before the header block of a frame; nullopt where a frame has none.
std::optional<std::size_t> bytes_before_block(SpdyType type) {
    constexpr std::size_t kOfSynStream = 10; // stream, associated stream, priority, slot
    switch (type) {
    case SpdyType::SynStream:
        return kOfSynStream;
    case SpdyType::SynReply:
    case SpdyType::Headers:
        return sizeof(std::uint32_t);
    default:
        return std::nullopt;
    }
}

/// Bytes of a frame of that type that has a length of its own; nullopt for others.
std::optional<std::size_t> fixed_bytes(SpdyType type) {
    switch (type) {
    case SpdyType::RstStream:
    case SpdyType::GoAway:
    case SpdyType::WindowUpdate:
        return 2 * sizeof(std::uint32_t);
    case SpdyType::Ping:
        return sizeof(std::uint32_t);
    default:
        return std::nullopt;
    }
}

bool is_known_type(unsigned type) {
    constexpr unsigned kNone = 5; // NOOP of SPDY/2
    return type >= static_cast<unsigned>(SpdyType::SynStream) &&
           type <= static_cast<unsigned>(SpdyType::WindowUpdate) && type != kNone;
}

} // namespace

void SpdyReader::feed(std::string_view bytes) {
    if (failed()) {
        return;
    }
    input_.erase(0, used_);
    used_ = 0;
    input_.append(bytes);
}

std::optional<SpdyFrame> SpdyReader::next() {
    while (!failed()) {
        const auto skipped = std::min(skip_, available());
        skip_ -= skipped;
        used_ += skipped;
        if (skip_ > 0) {
            return std::nullopt;
        }
        if (in_data_) {
            return data();
        }
        if (available() < kHeadBytes) {
            return std::nullopt;
        }
        const auto before = used_;
        if ((number_at(input_, used_) & ~kNumberMask) != 0) {
            auto frame = control();
            if (frame || used_ == before) {
                return frame; // or more has to come
            }
            continue; // it was passed over
        }
        data_ = {};
        data_.stream = number_at(input_, used_);
        const auto rest = number_at(input_, used_ + sizeof(std::uint32_t));
        data_.fin = (rest >> 24U & kFin) != 0;
        data_left_ = rest & 0xffffffU;
        used_ += kHeadBytes;
        in_data_ = true;
    }
    return std::nullopt;
}

std::optional<SpdyFrame> SpdyReader::data() {
    if (data_left_ > 0 && available() == 0) {
        return std::nullopt;
    }
    const auto size = std::min(data_left_, available());
    auto frame = data_;
    frame.bytes = input_.substr(used_, size);
    used_ += size;
    data_left_ -= size;
    in_data_ = data_left_ > 0;
    frame.fin = data_.fin && !in_data_;
    return frame;
}

/// A whole control frame. nullopt with nothing used: more has to come; with bytes used: it was one
/// to pass over.
std::optional<SpdyFrame> SpdyReader::control() {
    const auto first = number_at(input_, used_);
    const auto rest = number_at(input_, used_ + sizeof(std::uint32_t));
    const unsigned type = first & 0xffffU;
    const std::size_t size = rest & 0xffffffU;
    if ((first >> 16U & ~kControl) != kVersion) {
        return fail("a frame is of another version of SPDY");
    }
    if (!is_known_type(type)) {
        used_ += kHeadBytes;
        skip_ = size;
        return std::nullopt;
    }
    if (size > kSpdyControlBytesMax) {
        return fail("a control frame is too long");
    }
    if (available() < kHeadBytes + size) {
        return std::nullopt;
    }
    const auto body = std::string_view(input_).substr(used_ + kHeadBytes, size);
    used_ += kHeadBytes + size;
    return read_control(type, rest >> 24U, body);
}

std::optional<SpdyFrame>
SpdyReader::read_control(unsigned type, unsigned flags, std::string_view body) {
    SpdyFrame frame;
    frame.type = static_cast<SpdyType>(type);
    if (const auto wanted = fixed_bytes(frame.type)) {
        if (body.size() != *wanted) {
            return fail("a control frame has the wrong length");
        }
        const auto first = number_at(body, 0);
        const bool of_stream = frame.type != SpdyType::Ping && frame.type != SpdyType::GoAway;
        frame.stream = of_stream ? first & kNumberMask : 0;
        frame.value = frame.type == SpdyType::Ping ? first : number_at(body, sizeof first);
        return frame;
    }
    const auto before = bytes_before_block(frame.type);
    if (!before) {
        return frame; // settings, which mean nothing here
    }
    if (body.size() < *before) {
        return fail("a control frame is too short");
    }
    frame.stream = number_at(body, 0) & kNumberMask;
    frame.fin = (flags & kFin) != 0;
    auto headers = headers_.read(body.substr(*before));
    if (!headers) {
        return fail("a header block cannot be read");
    }
    frame.headers = std::move(*headers);
    return frame;
}

std::nullopt_t SpdyReader::fail(std::string text) {
    error_ = std::move(text);
    return std::nullopt;
}

std::string spdy_data(std::uint32_t stream, std::string_view bytes, bool fin) {
    auto frame = word(stream & kNumberMask) +
                 word((fin ? kFin << 24U : 0U) | static_cast<std::uint32_t>(bytes.size()));
    return frame.append(bytes);
}

std::string spdy_syn_reply(std::uint32_t stream, std::string_view block) {
    auto frame = control_head(SpdyType::SynReply, sizeof stream + block.size()) + word(stream);
    return frame.append(block);
}

std::string spdy_rst_stream(std::uint32_t stream, SpdyStatus status) {
    return control_head(SpdyType::RstStream, sizeof stream + sizeof status) + word(stream) +
           word(static_cast<std::uint32_t>(status));
}

std::string spdy_ping(std::uint32_t number) {
    return control_head(SpdyType::Ping, sizeof number) + word(number);
}

std::string spdy_go_away(std::uint32_t last, std::uint32_t status) {
    return control_head(SpdyType::GoAway, sizeof last + sizeof status) + word(last) + word(status);
}

} // namespace labctl::stream
