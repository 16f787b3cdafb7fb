/// Any bytes at all, as a query and as a response: no crash, and what is answered is a message that
/// decodes and belongs to the query. What decodes encodes to something that decodes to the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <vector>

#include "dns/answer.h"
#include "dns/message.h"
#include "dns/rdata.h"
#include "dns/writer.h"
#include "dns/zone.h"

using namespace dns; // NOLINT(google-build-using-namespace): a program of one page

namespace {

void require(bool good, const char* what) {
    if (!good) {
        std::cerr << what << "\n";
        std::abort();
    }
}

const ClusterZone& cluster() {
    static const auto zone = [] {
        ZoneOptions options;
        options.reverse = {Name::parse("in-addr.arpa").value(), Name::parse("ip6.arpa").value()};
        options.pods = PodMode::Insecure;
        auto made = std::make_unique<ClusterZone>(options);
        made->add_namespace("a");
        const auto address = netemu::IpAddress::v4(0x0a000001);
        const std::vector<PortValue> ports{{"p", 1, Protocol::Tcp}};
        made->set_service({"a", "b", ServiceKind::ClusterIp, {address}, ports, {}, ""});
        SliceValue slice{ports, {}};
        for (unsigned i = 0; i < 100; ++i) {
            slice.endpoints.push_back({address.plus(i + 1), i % 2 == 0 ? "h" : "", true});
        }
        made->set_service({"a", "h", ServiceKind::Headless, {}, ports, {slice}, ""});
        made->set_service({"a", "x", ServiceKind::ExternalName, {}, {}, {}, "b.c"});
        return made;
    }();
    return *zone;
}

void check_query(Bytes packet) {
    QueryView query;
    const auto parsed = parse_query(packet, query);
    if (parsed.state == Parsed::Drop) {
        return;
    }
    std::vector<std::uint8_t> out(limits::kUdpBytesDefault);
    std::size_t size = 0;
    if (parsed.state == Parsed::Good) {
        const auto answer = answer_cluster(cluster(), query, out, query.udp_limit(out.size()));
        size = answer.state == ClusterAnswer::State::Answered ? answer.size : 0;
        require(size <= query.udp_limit(out.size()), "longer than allowed");
    }
    if (size == 0) {
        size = write_error(query, parsed.rcode, out);
    }
    const auto message = decode(Bytes(out).first(size));
    require(message.has_value(), "an answer that does not decode");
    require(
        message->id == query.id && message->has(flag::kResponse), "an answer to something else");
    require(message->edns.has_value() == query.edns, "EDNS without being asked, or the other way");
    require(
        !query.has_question() ||
            std::equal(
                packet.begin() + limits::kHeaderBytes,
                packet.begin() + static_cast<std::ptrdiff_t>(query.question_end),
                out.begin() + limits::kHeaderBytes),
        "another question");
}

void check_message(Bytes packet) {
    const auto message = decode(packet);
    if (!message) {
        return;
    }
    for (const auto* section : {&message->answers, &message->authority, &message->additional}) {
        for (const auto& record : *section) {
            (void)record_text(record);
        }
    }
    const auto wire = encode(*message);
    const auto again = decode(as_bytes(wire));
    require(again.has_value(), "what we encode does not decode");
    require(
        again->has(flag::kTruncated) || (again->answers.size() == message->answers.size() &&
                                         again->authority.size() == message->authority.size()),
        "records are lost");
    (void)encode(*message, limits::kUdpBytesMin);
    (void)cache_ttl(*message);
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT: its name
    check_query({data, size});
    check_message({data, size});
    return 0;
}
