#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dns/message.h"
#include "dns/resolver.h"
#include "dns/zone.h"

namespace test {

dns::Name name(std::string_view text);
netemu::IpAddress ip(std::string_view text);
std::uint16_t type(std::string_view text);

/// A query as bytes: class IN, recursion desired; with EDNS if `udp_size` is not 0.
std::string query_bytes(
    std::string_view text,
    std::string_view type_name,
    std::uint16_t udp_size = 0,
    std::uint16_t klass = 1);

/// What a response says, one item per line, records of each section sorted:
/// "NOERROR", "AA", "TC", "an: NAME TTL TYPE DATA", "au: ...", "ad: ...". The SOA's serial is "N".
std::string summary(const dns::Message& message);
/// Without sections: only rcode and answers, joined by " | "; "NODATA" if there are none.
std::string brief(const dns::Message& message);

/// The cluster that the tables of the tests speak of; see the .cc file.
void fill(dns::ClusterZone& zone);
dns::ZoneOptions zone_options();

/// One question to a zone, the answer decoded.
dns::Message
ask(const dns::ClusterZone& zone,
    std::string_view text,
    std::string_view type_name,
    std::size_t limit = 65535,
    std::uint16_t udp_size = 0);

/// Replies are not expected to be late.
struct NoReplies : dns::ReplyMaker {
    dns::Reply later() override;
    bool asked = false;
};

/// An upstream that answers from a list, at once or when told to.
struct FakeUpstream : dns::Upstream {
    void query(const dns::Ask& ask, dns::Done done) override;
    /// "NAME TYPE" -> records in zone-file form; an entry "!RCODE" makes a failure.
    std::vector<std::pair<std::string, std::vector<std::string>>> answers;
    std::vector<std::string> asked;
    bool late = false;
    std::vector<std::function<void()>> waiting;
};

} // namespace test
