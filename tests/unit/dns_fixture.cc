#include "tests/unit/dns_fixture.h"

#include <algorithm>
#include <stdexcept>

#include "dns/answer.h"
#include "dns/hosts.h"
#include "dns/rdata.h"
#include "netemu/base/text.h"

namespace test {

using namespace dns; // NOLINT(google-build-using-namespace)

Name name(std::string_view text) {
    return Name::parse(text).value();
}

netemu::IpAddress ip(std::string_view text) {
    return netemu::IpAddress::parse(text).value();
}

std::uint16_t type(std::string_view text) {
    return parse_type(text).value();
}

std::string query_bytes(
    std::string_view text,
    std::string_view type_name,
    std::uint16_t udp_size,
    std::uint16_t klass) {
    auto query = make_query(name(text), type(type_name));
    query.id = 0x1234;
    query.question->klass = klass;
    if (udp_size != 0) {
        query.edns = Edns{udp_size, 0, false};
    }
    return encode(query);
}

namespace {

std::string line_of(const Record& record) {
    auto data = rdata_text(record);
    if (record.is(Type::Soa)) { // the serial number is the time
        const auto words = record_words(data);
        data = words[0] + " " + words[1] + " N " + words[3] + " " + words[4] + " " + words[5] +
               " " + words[6];
    }
    return record.owner.to_string() + " " + std::to_string(record.ttl) + " " +
           type_text(record.type) + " " + data;
}

void add_section(std::string& out, const std::string& head, const std::vector<Record>& records) {
    std::vector<std::string> lines;
    lines.reserve(records.size());
    for (const auto& record : records) {
        lines.push_back(head + line_of(record) + "\n");
    }
    std::sort(lines.begin(), lines.end());
    for (const auto& line : lines) {
        out += line;
    }
}

} // namespace

std::string summary(const Message& message) {
    std::string out = rcode_text(message.rcode) + "\n";
    out += message.has(flag::kAuthoritative) ? "AA\n" : "";
    out += message.has(flag::kTruncated) ? "TC\n" : "";
    add_section(out, "an: ", message.answers);
    add_section(out, "au: ", message.authority);
    add_section(out, "ad: ", message.additional);
    return out;
}

std::string brief(const Message& message) {
    if (message.rcode != Rcode::NoError && message.answers.empty()) {
        return rcode_text(message.rcode);
    }
    std::vector<std::string> lines;
    for (const auto& record : message.answers) {
        lines.push_back(type_text(record.type) + " " + rdata_text(record));
    }
    std::sort(lines.begin(), lines.end());
    std::string out = message.rcode == Rcode::NoError ? "" : rcode_text(message.rcode) + " ";
    for (std::size_t i = 0; i < lines.size(); ++i) {
        out += (i == 0 ? "" : " | ") + lines[i];
    }
    return lines.empty() ? "NODATA" : out;
}

ZoneOptions zone_options() {
    ZoneOptions options;
    options.reverse = {name("in-addr.arpa"), name("ip6.arpa")};
    options.pods = PodMode::Insecure;
    options.ttl_s = 30;
    options.dns_addresses = {ip("10.96.0.10")};
    return options;
}

void fill(ClusterZone& zone) {
    for (const auto* ns : {"default", "prod", "kube-system", "empty"}) {
        zone.add_namespace(ns);
    }
    const std::vector<PortValue> http{{"http", 80, Protocol::Tcp}};
    const std::vector<PortValue> target{{"http", 8080, Protocol::Tcp}};
    // Two endpoints, one of them not ready.
    zone.set_service(
        {"prod",
         "web",
         ServiceKind::ClusterIp,
         {ip("10.96.0.100")},
         http,
         {{target, {{ip("10.244.1.5"), "", true}, {ip("10.244.1.6"), "", false}}}},
         ""});
    // Unnamed port, no endpoints.
    zone.set_service(
        {"prod",
         "plain",
         ServiceKind::ClusterIp,
         {ip("10.96.0.101")},
         {{"", 9000, Protocol::Tcp}},
         {},
         ""});
    // The same number for two protocols, and a named one more.
    zone.set_service(
        {"kube-system",
         "kube-dns",
         ServiceKind::ClusterIp,
         {ip("10.96.0.10")},
         {{"dns", 53, Protocol::Udp},
          {"dns-tcp", 53, Protocol::Tcp},
          {"metrics", 9153, Protocol::Tcp}},
         {{{{"dns", 53, Protocol::Udp}}, {{ip("10.244.0.2"), "", true}}}},
         ""});
    zone.set_service(
        {"prod",
         "dual",
         ServiceKind::ClusterIp,
         {ip("10.96.0.102"), ip("fd00:96::66")},
         http,
         {},
         ""});
    zone.set_service({"prod", "v6", ServiceKind::ClusterIp, {ip("fd00:96::67")}, http, {}, ""});
    // Headless, with hostnames; db-0 twice; db-2 is not ready.
    zone.set_service(
        {"prod",
         "db",
         ServiceKind::Headless,
         {},
         {{"pg", 5432, Protocol::Tcp}},
         {{{{"pg", 5432, Protocol::Tcp}},
           {{ip("10.244.1.7"), "db-0", true},
            {ip("10.244.2.7"), "db-1", true},
            {ip("10.244.2.8"), "db-2", false},
            {ip("10.244.3.7"), "db-0", true}}},
          {{{"pg", 5432, Protocol::Tcp}}, {{ip("fd00:244::7"), "db-0", true}}}},
         ""});
    zone.set_service(
        {"prod",
         "peers",
         ServiceKind::Headless,
         {},
         {},
         {{{}, {{ip("10.244.1.9"), "", true}, {ip("fd00:244::"), "", true}}}},
         ""});
    zone.set_service(
        {"prod",
         "nobody",
         ServiceKind::Headless,
         {},
         {{"pg", 5432, Protocol::Tcp}},
         {{{{"pg", 5432, Protocol::Tcp}}, {{ip("10.244.1.10"), "", false}}}},
         ""});
    // A named port that two pods resolve to different numbers: two slices.
    zone.set_service(
        {"prod",
         "mixed",
         ServiceKind::Headless,
         {},
         {{"http", 80, Protocol::Tcp}},
         {{{{"http", 8080, Protocol::Tcp}}, {{ip("10.244.1.20"), "", true}}},
          {{{"http", 9090, Protocol::Tcp}}, {{ip("10.244.1.21"), "", true}}}},
         ""});
    zone.set_service({"prod", "out", ServiceKind::ExternalName, {}, {}, {}, "api.example.com"});
    zone.set_service(
        {"prod", "alias", ServiceKind::ExternalName, {}, {}, {}, "web.prod.svc.cluster.local"});
    zone.set_service({"prod", "address", ServiceKind::ExternalName, {}, {}, {}, "192.0.2.1"});
    zone.set_service(
        {"prod", "loop-a", ServiceKind::ExternalName, {}, {}, {}, "loop-b.prod.svc.cluster.local"});
    zone.set_service(
        {"prod", "loop-b", ServiceKind::ExternalName, {}, {}, {}, "loop-a.prod.svc.cluster.local"});
    zone.set_service(
        {"prod", "dangling", ServiceKind::ExternalName, {}, {}, {}, "gone.prod.svc.cluster.local"});
    zone.add_pod(ip("10.244.1.5"), "prod");
    zone.add_pod(ip("10.244.9.9"), "default");
}

Message
ask(const ClusterZone& zone,
    std::string_view text,
    std::string_view type_name,
    std::size_t limit,
    std::uint16_t udp_size) {
    const auto bytes = query_bytes(text, type_name, udp_size);
    QueryView query;
    if (parse_query(as_bytes(bytes), query).state != Parsed::Good) {
        throw std::runtime_error("not a query");
    }
    std::vector<std::uint8_t> out(65535);
    const auto answer = answer_cluster(zone, query, out, limit);
    if (answer.state != ClusterAnswer::State::Answered) {
        Message nothing;
        nothing.rcode = Rcode::Refused;
        return nothing;
    }
    return decode(Bytes(out).first(answer.size)).value();
}

Reply NoReplies::later() {
    asked = true;
    return [](Bytes, Rcode, const Origin&) {};
}

void FakeUpstream::query(const Ask& ask, Done done) {
    const auto key =
        netemu::to_lower(ask.question.name.to_string()) + " " + type_text(ask.question.type);
    asked.push_back(key);
    auto response = local_response(ask.question, Rcode::ServFail);
    response.flags = flag::kResponse | flag::kRecursionAvailable;
    for (const auto& [question, records] : answers) {
        if (question != key) {
            continue;
        }
        response.rcode = Rcode::NoError;
        for (const auto& text : records) {
            if (text.starts_with('!')) {
                response.rcode = parse_rcode(text.substr(1)).value();
                continue;
            }
            const auto record = parse_record(text, Name{}, 60).value();
            (record.is(Type::Soa) ? response.authority : response.answers).push_back(record);
        }
    }
    if (late) {
        waiting.push_back([done, response]() { done(response); });
    } else {
        done(response);
    }
}

} // namespace test
