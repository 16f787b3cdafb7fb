#include "dns/message.h"

#include <algorithm>
#include <unordered_map>

#include "dns/rdata.h"
#include "dns/writer.h"

namespace dns {
namespace {

constexpr std::size_t kRecordFixedBytes = 10;
constexpr std::uint32_t kTtlMax = 0x7fffffff; // RFC 2181 section 8

std::uint16_t read16(Bytes packet, std::size_t at) {
    return static_cast<std::uint16_t>(packet[at] << 8U | packet[at + 1]);
}

std::uint32_t read32(Bytes packet, std::size_t at) {
    return std::uint32_t{read16(packet, at)} << 16U | read16(packet, at + 2);
}

/// Reads records one after the other.
class Decoder {
public:
    explicit Decoder(Bytes packet) : packet_(packet) {}

    bool question(std::optional<Question>& out) {
        auto name = Name::read(packet_, at_);
        if (!name || at_ + 4 > packet_.size()) {
            return false;
        }
        out = Question{std::move(*name), read16(packet_, at_), read16(packet_, at_ + 2)};
        at_ += 4;
        return true;
    }

    bool section(std::size_t count, std::vector<Record>& out, Message* with_opt) {
        for (std::size_t i = 0; i < count; ++i) {
            if (!record(out, with_opt)) {
                return false;
            }
        }
        return true;
    }

    [[nodiscard]] bool at_end() const { return at_ == packet_.size(); }

private:
    bool record(std::vector<Record>& out, Message* with_opt) {
        auto owner = Name::read(packet_, at_);
        if (!owner || at_ + kRecordFixedBytes > packet_.size()) {
            return false;
        }
        Record record;
        record.owner = std::move(*owner);
        record.type = read16(packet_, at_);
        record.klass = read16(packet_, at_ + 2);
        record.ttl = read32(packet_, at_ + 4);
        const std::size_t length = read16(packet_, at_ + 8);
        at_ += kRecordFixedBytes;
        if (at_ + length > packet_.size()) {
            return false;
        }
        if (record.is(Type::Opt)) {
            at_ += length;
            return with_opt != nullptr && take_opt(record, *with_opt);
        }
        auto data = read_rdata(packet_, at_, length, record.type);
        at_ += length;
        if (!data) {
            return false;
        }
        record.ttl = record.ttl > kTtlMax ? 0 : record.ttl;
        record.rdata = std::move(*data);
        out.push_back(std::move(record));
        return true;
    }

    static bool take_opt(const Record& record, Message& message) {
        if (message.edns || !record.owner.is_root()) {
            return false;
        }
        constexpr std::uint32_t kDnssecOk = 0x8000;
        message.edns = Edns{
            record.klass,
            static_cast<std::uint8_t>(record.ttl >> 16U),
            (record.ttl & kDnssecOk) != 0};
        const auto upper = static_cast<std::uint16_t>(record.ttl >> 24U);
        message.rcode = static_cast<Rcode>(
            static_cast<std::uint16_t>(message.rcode) | static_cast<std::uint16_t>(upper << 4U));
        return true;
    }

    Bytes packet_;
    std::size_t at_ = limits::kHeaderBytes;
};

/// Appends names, as pointers where an equal one has been written already.
class Encoder {
public:
    explicit Encoder(std::string& out) : out_(out) {}

    void name(const Name& name, bool compress) {
        std::string_view rest = name.wire();
        const auto lower = name.lower();
        std::string_view key = lower.wire();
        while (rest.size() > 1) {
            const auto known = compress ? known_.find(std::string(key)) : known_.end();
            if (known != known_.end()) {
                put16(static_cast<std::uint16_t>(0xc000U | known->second));
                return;
            }
            if (out_.size() < kPointerReach) {
                known_.emplace(std::string(key), static_cast<std::uint16_t>(out_.size()));
            }
            const auto length = 1 + static_cast<std::size_t>(rest[0]);
            out_ += rest.substr(0, length);
            rest.remove_prefix(length);
            key.remove_prefix(length);
        }
        out_ += '\0';
    }

    /// False, and nothing is written, when it would end behind `limit`.
    bool record(const Record& record, std::size_t limit) {
        const auto start = out_.size();
        name(record.owner, true);
        put16(record.type);
        put16(record.klass);
        put16(static_cast<std::uint16_t>(record.ttl >> 16U));
        put16(static_cast<std::uint16_t>(record.ttl));
        put16(0);
        const auto data_at = out_.size();
        data(record);
        if (out_.size() > limit) {
            out_.resize(start);
            std::erase_if(known_, [start](const auto& known) { return known.second >= start; });
            return false;
        }
        set16(out_, data_at - 2, static_cast<std::uint16_t>(out_.size() - data_at));
        return true;
    }

    static void set16(std::string& out, std::size_t at, std::uint16_t value) {
        out[at] = static_cast<char>(value >> 8U);
        out[at + 1] = static_cast<char>(value);
    }

    void put16(std::uint16_t value) {
        out_ += static_cast<char>(value >> 8U);
        out_ += static_cast<char>(value);
    }

private:
    static constexpr std::size_t kPointerReach = 0x4000;

    void data(const Record& record) {
        const auto layout = rdata_layout(record.type);
        if (!layout || !layout->compress) {
            out_ += record.rdata;
            return;
        }
        const std::string_view rdata = record.rdata;
        out_ += rdata.substr(0, layout->before);
        std::size_t at = layout->before;
        for (std::size_t i = 0; i < layout->names; ++i) {
            const auto start = at;
            while (rdata[at] != 0) {
                at += 1 + static_cast<std::size_t>(rdata[at]);
            }
            ++at;
            name(Name::from_wire(rdata.substr(start, at - start)), true);
        }
        out_ += rdata.substr(at);
    }

    std::string& out_;
    std::unordered_map<std::string, std::uint16_t> known_;
};

std::uint16_t write_section(
    Encoder& encoder, const std::vector<Record>& records, std::size_t limit, bool& complete) {
    std::uint16_t count = 0;
    for (const auto& record : records) {
        if (!complete || !encoder.record(record, limit)) {
            complete = false;
            break;
        }
        ++count;
    }
    return count;
}

void write_opt(std::string& out, const Edns& edns, Rcode rcode) {
    RecordBuffer<limits::kOptBytes> opt;
    opt.put8(0);
    opt.put16(static_cast<std::uint16_t>(Type::Opt));
    opt.put16(edns.udp_size);
    opt.put8(static_cast<std::uint8_t>(static_cast<std::uint16_t>(rcode) >> 4U));
    opt.put8(edns.version);
    opt.put16(edns.dnssec_ok ? 0x8000U : 0);
    opt.put16(0);
    out += opt.view();
}

} // namespace

std::optional<Message> decode(Bytes packet) {
    if (packet.size() < limits::kHeaderBytes) {
        return std::nullopt;
    }
    Message message;
    message.id = read16(packet, 0);
    const auto word = read16(packet, 2);
    message.flags = word & static_cast<std::uint16_t>(~flag::kRcode);
    message.rcode = static_cast<Rcode>(word & flag::kRcode);
    const std::size_t questions = read16(packet, 4);
    const std::size_t answers = read16(packet, 6);
    const std::size_t authority = read16(packet, 8);
    const std::size_t additional = read16(packet, 10);
    if (questions > 1 || answers + authority + additional > limits::kRecordsMax) {
        return std::nullopt;
    }
    Decoder decoder(packet);
    const bool good = (questions == 0 || decoder.question(message.question)) &&
                      decoder.section(answers, message.answers, nullptr) &&
                      decoder.section(authority, message.authority, nullptr) &&
                      decoder.section(additional, message.additional, &message) && decoder.at_end();
    return good ? std::optional(std::move(message)) : std::nullopt;
}

std::string encode(const Message& message, std::size_t limit) {
    std::string out;
    Encoder encoder(out);
    encoder.put16(message.id);
    encoder.put16(0);
    encoder.put16(message.question ? 1 : 0);
    out.append(6, '\0');
    if (message.question) {
        encoder.name(message.question->name, true);
        encoder.put16(message.question->type);
        encoder.put16(message.question->klass);
    }
    const std::size_t opt = message.edns ? limits::kOptBytes : 0;
    const std::size_t room = limit - std::min(limit, opt);
    bool complete = true;
    Encoder::set16(out, 6, write_section(encoder, message.answers, room, complete));
    Encoder::set16(out, 8, write_section(encoder, message.authority, room, complete));
    auto flags = message.flags;
    if (!complete) {
        flags |= flag::kTruncated;
    }
    auto count = write_section(encoder, message.additional, room, complete);
    if (message.edns) {
        write_opt(out, *message.edns, message.rcode);
        ++count;
    }
    Encoder::set16(out, 10, count);
    const auto code = static_cast<std::uint16_t>(message.rcode) & flag::kRcode;
    Encoder::set16(out, 2, static_cast<std::uint16_t>(flags | code));
    return out;
}

std::string encode_response(const QueryView& query, const Message& response, std::size_t limit) {
    constexpr std::uint16_t kOwn =
        flag::kAuthoritative | flag::kTruncated | flag::kRecursionAvailable | flag::kAuthenticData;
    Message reply = response;
    reply.id = query.id;
    reply.flags = static_cast<std::uint16_t>(
        flag::kResponse | (response.flags & kOwn) |
        (query.flags & (flag::kOpcode | flag::kRecursionDesired | flag::kCheckingDisabled)));
    if (query.has_question()) {
        reply.question = Question{query.name(), query.type, query.klass};
    } else {
        reply.question.reset();
    }
    reply.edns.reset();
    if (query.edns) {
        reply.edns = Edns{limits::kUdpBytesDefault, 0, query.dnssec_ok};
    }
    return encode(reply, limit);
}

Message make_query(const Name& name, std::uint16_t type) {
    Message query;
    query.flags = flag::kRecursionDesired;
    query.question = Question{name, type};
    return query;
}

std::optional<std::uint32_t> cache_ttl(const Message& response) {
    std::optional<std::uint32_t> least;
    const auto take = [&least](std::uint32_t ttl) { least = least ? std::min(*least, ttl) : ttl; };
    const bool name_error = response.rcode == Rcode::NxDomain;
    const bool wanted_type =
        response.question &&
        std::any_of(response.answers.begin(), response.answers.end(), [&](const Record& record) {
            return record.type == response.question->type;
        });
    for (const auto& record : response.answers) {
        take(record.ttl);
    }
    if (wanted_type && !name_error) {
        return least;
    }
    for (const auto& record : response.authority) {
        if (const auto minimum = soa_minimum(record)) {
            take(std::min(record.ttl, *minimum));
            return least;
        }
    }
    return std::nullopt;
}

} // namespace dns
