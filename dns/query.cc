#include "dns/query.h"

#include <algorithm>

namespace dns {
namespace {

std::uint16_t word_at(Bytes packet, std::size_t at) {
    return static_cast<std::uint16_t>(packet[at] << 8U | packet[at + 1]);
}

/// The question's name. A pointer could only lead into the header, so none is taken.
bool read_question(Bytes packet, QueryView& query) {
    constexpr std::size_t kFixedBytes = 4;
    const auto* bytes = packet.data();
    std::size_t at = limits::kHeaderBytes;
    std::size_t out = 0;
    std::size_t labels = 0;
    while (true) {
        if (at >= packet.size()) {
            return false;
        }
        const std::size_t length = bytes[at];
        if (length > limits::kLabelBytesMax || out + 1 + length > limits::kNameBytesMax ||
            at + 1 + length > packet.size()) {
            return false;
        }
        query.label_at[labels] = static_cast<std::uint8_t>(out); // NOLINT: bounded by the name
        query.lower[out++] = static_cast<std::uint8_t>(length);  // NOLINT
        ++at;
        if (length == 0) {
            break;
        }
        ++labels;
        for (std::size_t i = 0; i < length; ++i) {
            query.lower[out + i] = lower_byte(bytes[at + i]); // NOLINT
        }
        out += length;
        at += length;
    }
    if (at + kFixedBytes > packet.size()) {
        return false;
    }
    query.lower_size = out;
    query.labels = labels;
    query.type = word_at(packet, at);
    query.klass = word_at(packet, at + 2);
    query.question_end = at + kFixedBytes;
    return true;
}

/// Behind a name at `at`, or 0 when it is malformed. Where pointers lead does not matter here.
std::size_t skip_name(Bytes packet, std::size_t at) {
    constexpr std::size_t kPointer = 0xc0;
    const std::size_t start = at;
    while (at < packet.size()) {
        const std::size_t length = packet[at];
        if (length == 0) {
            return at + 1;
        }
        if ((length & kPointer) == kPointer) {
            const bool backwards =
                at + 1 < packet.size() && ((length & 0x3fU) << 8U | packet[at + 1]) < at;
            return backwards ? at + 2 : 0;
        }
        if (length > limits::kLabelBytesMax || at - start + length > limits::kNameBytesMax) {
            return 0;
        }
        at += 1 + length;
    }
    return 0;
}

bool options_well_formed(Bytes options) {
    constexpr std::size_t kOptionHead = 4;
    std::size_t at = 0;
    while (at + kOptionHead <= options.size()) {
        at += kOptionHead + word_at(options, at + 2);
    }
    return at == options.size();
}

/// The records behind the question: an OPT is read, everything else only has to be well-formed.
bool read_records(Bytes packet, QueryView& query) {
    constexpr std::size_t kRecordFixed = 10;
    const std::size_t before = static_cast<std::size_t>(word_at(packet, 6)) + word_at(packet, 8);
    const std::size_t count = before + word_at(packet, 10);
    std::size_t at = query.question_end;
    for (std::size_t i = 0; i < count; ++i) {
        const bool root = at < packet.size() && packet[at] == 0;
        at = skip_name(packet, at);
        if (at == 0 || at + kRecordFixed > packet.size()) {
            return false;
        }
        const std::size_t length = word_at(packet, at + 8);
        if (at + kRecordFixed + length > packet.size()) {
            return false;
        }
        if (word_at(packet, at) == static_cast<std::uint16_t>(Type::Opt)) {
            if (i < before || query.edns || !root ||
                !options_well_formed(packet.subspan(at + kRecordFixed, length))) {
                return false;
            }
            query.edns = true;
            query.udp_size = word_at(packet, at + 2);
            query.edns_version = packet[at + 5];
            query.dnssec_ok = (packet[at + 6] & 0x80U) != 0;
        }
        at += kRecordFixed + length;
    }
    return at == packet.size();
}

} // namespace

Name QueryView::name() const {
    const auto wire = packet.subspan(limits::kHeaderBytes, lower_size);
    return Name::from_wire({reinterpret_cast<const char*>(wire.data()), wire.size()}); // NOLINT
}

std::size_t QueryView::udp_limit(std::size_t cap) const {
    const std::size_t wanted = edns ? udp_size : 0;
    return std::max(limits::kUdpBytesMin, std::min(wanted, cap));
}

ParseResult parse_query(Bytes packet, QueryView& query) {
    query.packet = packet;
    query.question_end = limits::kHeaderBytes;
    query.lower_size = query.labels = 0;
    query.edns = query.dnssec_ok = false;
    query.edns_version = 0;
    query.type = query.klass = query.udp_size = 0;
    if (packet.size() < limits::kHeaderBytes) {
        return {Parsed::Drop, Rcode::FormErr};
    }
    query.id = word_at(packet, 0);
    query.flags = word_at(packet, 2);
    if ((query.flags & flag::kResponse) != 0) {
        return {Parsed::Drop, Rcode::FormErr};
    }
    if (query.opcode() != 0) { // the rest of the message may have another shape (RFC 2136)
        return {Parsed::Bad, Rcode::NotImp};
    }
    if (word_at(packet, 4) != 1 || !read_question(packet, query)) {
        return {Parsed::Bad, Rcode::FormErr};
    }
    if (!read_records(packet, query)) {
        query.edns = false;
        return {Parsed::Bad, Rcode::FormErr};
    }
    if (query.edns_version != 0) {
        return {Parsed::Bad, Rcode::BadVers};
    }
    return {};
}

} // namespace dns
