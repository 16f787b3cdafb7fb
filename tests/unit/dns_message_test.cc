/// Names and messages, held against libresolv's parser (ns_initparse of <arpa/nameser.h>).
#include <random>

#include <arpa/nameser.h>
#include <resolv.h>

#include <boost/test/unit_test.hpp>

#include "dns/rdata.h"
#include "netemu/base/text.h"
#include "tests/unit/dns_fixture.h"

using namespace dns;
using namespace test;

namespace {

/// What libresolv reads in a message: "SECTION NAME TYPE CLASS TTL DATA" per record, names in full.
std::string libresolv_text(const std::string& wire) {
    ns_msg handle;
    const auto* bytes = reinterpret_cast<const unsigned char*>(wire.data());
    if (ns_initparse(bytes, static_cast<int>(wire.size()), &handle) != 0) {
        return "unreadable";
    }
    std::string out = "id " + std::to_string(ns_msg_id(handle)) + "\n";
    for (const auto section : {ns_s_qd, ns_s_an, ns_s_ns, ns_s_ar}) {
        for (int i = 0; i < ns_msg_count(handle, section); ++i) {
            ns_rr record;
            if (ns_parserr(&handle, section, i, &record) != 0) {
                return "unreadable";
            }
            out += std::to_string(section) + " " + ns_rr_name(record) + " " +
                   std::to_string(ns_rr_type(record));
            if (section != ns_s_qd) {
                const auto* data = ns_rr_rdata(record);
                std::string target;
                const std::size_t before = ns_rr_type(record) == 15   ? 2
                                           : ns_rr_type(record) == 33 ? 6
                                                                      : 0;
                const auto layout = rdata_layout(static_cast<std::uint16_t>(ns_rr_type(record)));
                if (layout) {
                    char buffer[1025];
                    if (ns_name_uncompress(
                            ns_msg_base(handle),
                            ns_msg_end(handle),
                            data + before,
                            buffer,
                            sizeof buffer) < 0) {
                        return "unreadable";
                    }
                    target = buffer;
                } else {
                    target.assign(reinterpret_cast<const char*>(data), ns_rr_rdlen(record));
                }
                out += " " + std::to_string(ns_rr_ttl(record)) + " " + target;
            }
            out += "\n";
        }
    }
    return out;
}

/// libresolv's texts have no final dot, except that of the root.
std::string bare(const Name& name) {
    auto text = name.to_string();
    return text == "." ? text : text.substr(0, text.size() - 1);
}

std::string our_text(const Message& message) {
    std::string out = "id " + std::to_string(message.id) + "\n";
    if (message.question) {
        out += "0 " + bare(message.question->name) + " " + std::to_string(message.question->type) +
               "\n";
    }
    int section = 1;
    for (const auto* records : {&message.answers, &message.authority, &message.additional}) {
        for (const auto& record : *records) {
            const auto layout = rdata_layout(record.type);
            std::string target = record.rdata;
            if (layout) {
                target =
                    bare(Name::from_wire(std::string_view(record.rdata).substr(layout->before)));
                if (layout->names > 1) {
                    const auto end = record.rdata.find('\0');
                    target = bare(Name::from_wire(record.rdata.substr(0, end + 1)));
                }
            }
            out += std::to_string(section) + " " + bare(record.owner) + " " +
                   std::to_string(record.type) + " " + std::to_string(record.ttl) + " " + target +
                   "\n";
        }
        ++section;
    }
    return out;
}

class RandomMessages {
public:
    Message message() {
        Message result;
        result.id = word();
        result.flags = word() & static_cast<std::uint16_t>(~flag::kRcode);
        result.rcode = static_cast<Rcode>(below(6));
        result.question = Question{some_name(), word(), 1};
        for (auto* section : {&result.answers, &result.authority, &result.additional}) {
            for (auto count = below(6); count > 0; --count) {
                section->push_back(record());
            }
        }
        return result;
    }
    std::size_t below(std::size_t limit) { return random_() % limit; }

private:
    std::uint16_t word() { return static_cast<std::uint16_t>(random_()); }

    /// Few labels, so that much of them can be compressed.
    Name some_name() {
        static const std::vector<std::string> kLabels{
            "a", "svc", "cluster", "local", "Web", "x-y", "_tcp"};
        std::string text;
        for (auto count = below(6); count > 0; --count) {
            text += kLabels[below(kLabels.size())] + ".";
        }
        return text.empty() ? Name{} : name(text);
    }

    Record record() {
        static const std::vector<std::uint16_t> kTypes{1, 2, 5, 6, 12, 15, 16, 28, 33, 999};
        Record result;
        result.owner = some_name();
        result.type = kTypes[below(kTypes.size())];
        result.ttl = static_cast<std::uint32_t>(below(100000));
        const auto bytes = [this](std::size_t count) {
            std::string out;
            while (count-- > 0) {
                out += static_cast<char>(word());
            }
            return out;
        };
        if (const auto layout = rdata_layout(result.type)) {
            result.rdata = bytes(layout->before);
            for (std::size_t i = 0; i < layout->names; ++i) {
                result.rdata += some_name().wire();
            }
            result.rdata += bytes(layout->after);
        } else {
            result.rdata = result.type == 1    ? bytes(4)
                           : result.type == 28 ? bytes(16)
                           : result.type == 16 ? txt_rdata(bytes(below(300)))
                                               : bytes(below(40));
        }
        return result;
    }

    std::mt19937 random_{7};
};

} // namespace

BOOST_AUTO_TEST_SUITE(message)

BOOST_AUTO_TEST_CASE(names) {
    BOOST_TEST(name("a.B.").to_string() == "a.B.");
    BOOST_TEST(name("a.B").wire() == std::string("\1a\1B\0", 5));
    BOOST_TEST(name(".").is_root());
    BOOST_TEST(name("a\\.b.c").labels().size() == 2U);
    BOOST_TEST(name("a\\.b.c").to_string() == "a\\.b.c.");
    BOOST_TEST(name("\\097\\000").to_string() == "a\\000.");
    BOOST_TEST(!Name::parse(""));
    BOOST_TEST(!Name::parse("a..b"));
    BOOST_TEST(!Name::parse(".a"));
    BOOST_TEST(!Name::parse("\\256"));
    BOOST_TEST(!Name::parse("a\\"));
    BOOST_TEST(Name::parse(std::string(63, 'a')).has_value());
    BOOST_TEST(!Name::parse(std::string(64, 'a')));
    std::string longest;
    for (int i = 0; i < 127; ++i) {
        longest += "a.";
    }
    BOOST_TEST(name(longest).wire().size() == 255U);
    BOOST_TEST(!Name::parse(longest + "a"));
    BOOST_TEST(name("a.b.C").is_within(name("B.c")));
    BOOST_TEST(name("a.b.c").is_within(name("a.b.c")));
    BOOST_TEST(name("a.b.c").is_within(Name{}));
    BOOST_TEST(!name("ab.c").is_within(name("b.c")));
    BOOST_TEST(!name("c").is_within(name("b.c")));
    BOOST_TEST(name("a").under(name("b")).value().to_string() == "a.b.");
    BOOST_TEST(!name("abcd").under(name(longest)));
}

BOOST_AUTO_TEST_CASE(hostile_names) {
    const auto read = [](const std::string& bytes) {
        const std::string message = std::string(12, '\0') + bytes;
        std::size_t at = 12;
        return Name::read(as_bytes(message), at).has_value();
    };
    BOOST_TEST(read(std::string("\1a\0", 3)));
    BOOST_TEST(!read("\xc0\x0c"));                 // to itself
    BOOST_TEST(!read("\xc0\x0e\xc0\x0c"));         // forwards
    BOOST_TEST(!read(std::string("\xc0\x00", 2))); // into the header
    BOOST_TEST(!read("\1a\xc0\x0c"));              // round and round
    BOOST_TEST(!read("\5abc"));                    // over the end
    BOOST_TEST(!read("\xc0"));                     // half a pointer
    BOOST_TEST(!read(std::string("\x40\0", 2)));   // reserved label type
    BOOST_TEST(!read(std::string("\1a", 2)));      // no root
}

BOOST_AUTO_TEST_CASE(record_texts_both_ways) {
    for (const auto* text :
         {"a.example. 60 IN A 192.0.2.1",
          "a.example. 60 IN AAAA 2001:db8::1",
          "a.example. 60 IN CNAME b.example.",
          "a.example. 60 IN MX 10 mail.example.",
          "_x._tcp.example. 60 IN SRV 0 5 80 b.example.",
          "example. 60 IN SOA ns.example. host.example. 1 2 3 4 5",
          "a.example. 60 IN TXT \"hello world\" \"a \\\"quote\\\"\"",
          "a.example. 60 IN TYPE65000 \\# 3 0102ff"}) {
        const auto record = parse_record(text, Name{}, 1);
        BOOST_REQUIRE_MESSAGE(record, text);
        auto again = record_text(*record);
        std::replace(again.begin(), again.end(), '\t', ' ');
        BOOST_TEST(again == text);
    }
    for (const auto* text :
         {"a A 1.2.3",
          "a A",
          "a AAAA 1.2.3.4",
          "a MX mail",
          "a MX 70000 mail",
          "a SRV 1 2 3",
          "a NOPE 1",
          "a TXT",
          "a TYPE1 \\# 3 01",
          ""}) {
        BOOST_TEST(!parse_record(text, Name{}, 1), text);
    }
    BOOST_TEST(
        parse_record("a CNAME b", name("zone.test"), 1)->owner.to_string() == "a.zone.test.");
    BOOST_TEST(parse_record("@ 1h IN NS ns", name("zone.test"), 1)->ttl == 3600U);
    // RFC 1035, section 5.1: a byte by its decimal number.
    const auto escaped = parse_record(R"(a TXT "\065\"\\b\999")", Name{}, 1);
    BOOST_REQUIRE(escaped);
    BOOST_TEST(
        escaped->rdata == "\x07"
                          R"(A"\b999)");
}

BOOST_AUTO_TEST_CASE(random_messages_read_alike_here_and_in_libresolv) {
    RandomMessages random;
    std::size_t compressed = 0;
    for (int i = 0; i < 20000; ++i) {
        const auto message = random.message();
        const auto wire = encode(message);
        const auto again = decode(as_bytes(wire));
        BOOST_REQUIRE(again.has_value());
        // Compression takes another's case, which is the same name.
        BOOST_REQUIRE(netemu::to_lower(our_text(*again)) == netemu::to_lower(our_text(message)));
        BOOST_REQUIRE(libresolv_text(wire) == our_text(*again));
        compressed += wire.find('\xc0') != std::string::npos ? 1 : 0;
    }
    BOOST_TEST(compressed > 10000U);
}

BOOST_AUTO_TEST_CASE(limits_are_kept_and_said) {
    RandomMessages random;
    for (int i = 0; i < 2000; ++i) {
        const auto message = random.message();
        const auto limit = 300 + random.below(200);
        const auto wire = encode(message, limit);
        BOOST_REQUIRE(wire.size() <= limit);
        const auto again = decode(as_bytes(wire));
        BOOST_REQUIRE(again.has_value());
        const bool cut = again->answers.size() < message.answers.size() ||
                         again->authority.size() < message.authority.size();
        BOOST_REQUIRE((!cut || again->has(flag::kTruncated)));
    }
}

BOOST_AUTO_TEST_CASE(cut_messages_are_refused) {
    RandomMessages random;
    for (int i = 0; i < 200; ++i) {
        const auto wire = encode(random.message());
        for (std::size_t size = 0; size < wire.size(); ++size) {
            BOOST_REQUIRE(!decode(as_bytes(std::string_view(wire).substr(0, size))));
        }
        BOOST_REQUIRE(!decode(as_bytes(wire + "x")));
    }
}

BOOST_AUTO_TEST_CASE(srv_targets_are_not_compressed_when_sent) { // RFC 2782
    Message message;
    message.question = Question{name("a.example"), type("SRV")};
    message.answers = {parse_record("a.example. 1 IN SRV 0 0 1 a.example.", Name{}, 1).value()};
    const auto wire = encode(message);
    BOOST_TEST(wire.size() == 12 + 15 + 2 + 10 + 6 + 11U);
}

BOOST_AUTO_TEST_CASE(times_to_live_of_answers) { // RFC 2308
    Message response;
    response.question = Question{name("a.example"), type("A")};
    BOOST_TEST(!cache_ttl(response));
    response.answers = {
        parse_record("a.example. 50 CNAME b.example.", Name{}, 1).value(),
        parse_record("b.example. 20 A 192.0.2.1", Name{}, 1).value()};
    BOOST_TEST(cache_ttl(response).value() == 20U);
    response.answers.pop_back();
    BOOST_TEST(!cache_ttl(response)); // no SOA: not to be kept
    response.authority = {parse_record("example. 100 SOA ns h 1 2 3 4 30", Name{}, 1).value()};
    BOOST_TEST(cache_ttl(response).value() == 30U);
    response.rcode = Rcode::NxDomain;
    response.answers.clear();
    BOOST_TEST(cache_ttl(response).value() == 30U);
}

BOOST_AUTO_TEST_SUITE_END()
