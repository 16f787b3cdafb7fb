#include "dns/writer.h"

#include <algorithm>

namespace dns {
namespace {

constexpr std::size_t kIdAndFlagsBytes = 4;
/// What of the query's flags goes back: opcode, RD, CD (RFC 1035 section 4.1.1, RFC 4035 3.1.6).
constexpr std::uint16_t kEchoedFlags =
    flag::kOpcode | flag::kRecursionDesired | flag::kCheckingDisabled;

} // namespace

ResponseWriter::ResponseWriter(
    const QueryView& query, std::span<std::uint8_t> buffer, std::size_t limit)
    : query_(query), buffer_(buffer), limit_(std::min(limit, buffer.size())) {
    if (query.edns) {
        limit_ -= std::min(limit_, limits::kOptBytes);
    }
    const auto size = std::min(query.question_end, limit_);
    std::memcpy(buffer_.data(), query.packet.data(), size);
    at_ = size;
    std::memset(buffer_.data() + kIdAndFlagsBytes, 0, limits::kHeaderBytes - kIdAndFlagsBytes);
    put16(kIdAndFlagsBytes, query.has_question() ? 1 : 0);
}

bool ResponseWriter::bump(std::size_t counter, std::uint16_t by) {
    const auto now = static_cast<std::uint16_t>(buffer_[counter] << 8U | buffer_[counter + 1]);
    put16(counter, static_cast<std::uint16_t>(now + by));
    return true;
}

std::size_t ResponseWriter::finish(Rcode rcode) {
    const auto code = static_cast<std::uint16_t>(rcode);
    put16(
        2,
        static_cast<std::uint16_t>(
            flag::kResponse | (query_.flags & kEchoedFlags) | extra_flags_ |
            (code & flag::kRcode)));
    if (!query_.edns) {
        return at_;
    }
    limit_ += limits::kOptBytes;
    RecordBuffer<limits::kOptBytes> opt;
    opt.put8(0);
    opt.put16(static_cast<std::uint16_t>(Type::Opt));
    opt.put16(limits::kUdpBytesDefault);
    opt.put8(static_cast<std::uint8_t>(code >> 4U)); // the upper bits of the rcode
    opt.put8(0);
    opt.put16(query_.dnssec_ok ? 0x8000U : 0);
    opt.put16(0);
    additional(opt.view(), 1);
    return at_;
}

std::size_t write_error(const QueryView& query, Rcode rcode, std::span<std::uint8_t> buffer) {
    if (buffer.size() < query.question_end + limits::kOptBytes) {
        return 0;
    }
    return ResponseWriter(query, buffer, buffer.size()).finish(rcode);
}

} // namespace dns
