#include "labctl/compile/dns_upstream.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "dns/rdata.h"
#include "dns/resolv_conf.h"
#include "labctl/compile/gateway_objects.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::compile {

namespace {

constexpr std::int64_t kUpstreamTtlS = 60;

constexpr const char* kUpstreamSoa =
    ". 60 IN SOA ns.upstream.lab. hostmaster.upstream.lab. 1 7200 1800 86400 60\n";

constexpr const char* kUpstreamExamples = "example.com. 60 IN A 203.0.113.10\n"
                                          "example.com. 60 IN AAAA 2001:db8::10\n"
                                          "www.example.com. 60 IN CNAME example.com.\n";

std::string absolute_name(const std::string& name) {
    return name.ends_with('.') ? name : name + ".";
}

/// Names in the data are absolute, with the final dot or without; a text is put in quotes.
std::string upstream_data(const std::string& type, const std::string& value) {
    const bool ends_with_name =
        type == "CNAME" || type == "NS" || type == "PTR" || type == "MX" || type == "SRV";
    if (ends_with_name) {
        return absolute_name(value);
    }
    const bool quoted = value.size() > 1 && value.front() == '"' && value.back() == '"';
    return type == "TXT" && !quoted ? "\"" + value + "\"" : value;
}

void add_upstream_record(
    const api::Json& json, const std::string& field, DnsUpstreamConfig& config) {
    const auto name = absolute_name(api::string_at(json, "name"));
    const auto fault = api::string_at(json, "fail");
    if (!fault.empty()) {
        using Fault = DnsUpstreamConfig::Fault;
        if (fault != "servfail" && fault != "refused" && fault != "timeout") {
            throw netemu::UsageError(
                field + ".fail: '" + fault + "'", "servfail, refused or timeout");
        }
        config.faults.emplace_back(
            name,
            fault == "servfail"  ? Fault::ServFail
            : fault == "refused" ? Fault::Refused
                                 : Fault::Timeout);
        return;
    }
    const auto type = api::string_at(json, "type", "A");
    const auto& value = api::at(json, "value");
    for (const auto& item : value.is_array() ? value : api::Json::array({value})) {
        const auto text = item.is_string() ? item.get<std::string>() : std::string();
        const auto line = name + " " + std::to_string(api::int_at(json, "ttl", kUpstreamTtlS)) +
                          " IN " + type + " " + upstream_data(type, text);
        if (text.find_first_of("\n;") != std::string::npos ||
            !dns::parse_record(line, dns::Name(), 0)) {
            throw netemu::UsageError(field + ": not a record: '" + line + "'");
        }
        config.zone += line + "\n";
    }
}

std::vector<netemu::IpAddress> addresses_of_ingress(const api::Json& ingress) {
    std::vector<netemu::IpAddress> addresses;
    for (const auto& entry : api::at(ingress, "status.loadBalancer.ingress")) {
        if (const auto address = netemu::IpAddress::parse(api::string_at(entry, "ip"))) {
            addresses.push_back(*address);
        }
    }
    return addresses;
}

/// Of the Gateways that have accepted the route.
std::vector<netemu::IpAddress>
addresses_of_route(const store::Store& store, const api::Object& route) {
    std::vector<netemu::IpAddress> addresses;
    for (const auto& parent : api::at(route.body, "status.parents")) {
        const auto& conditions = api::at(parent, "conditions");
        const bool accepted =
            std::any_of(conditions.begin(), conditions.end(), [](const api::Json& condition) {
                return api::string_at(condition, "type") == "Accepted" &&
                       api::string_at(condition, "status") == "True";
            });
        const auto& reference = api::at(parent, "parentRef");
        const auto gateway = store.get(
            {"Gateway",
             api::string_at(reference, "namespace", route.ns()),
             api::string_at(reference, "name")});
        if (!accepted || !gateway) {
            continue;
        }
        for (const auto& text : gateway_addresses(store, *gateway)) {
            if (const auto address = netemu::IpAddress::parse(text)) {
                addresses.push_back(*address);
            }
        }
    }
    return addresses;
}

std::string address_record(const std::string& name, const netemu::IpAddress& address) {
    return absolute_name(name) + " " + std::to_string(kUpstreamTtlS) + " IN " +
           (address.is_v4() ? "A " : "AAAA ") + address.to_string() + "\n";
}

} // namespace

DnsUpstreamConfig read_dns_upstream(const api::Json& json) {
    DnsUpstreamConfig config;
    config.zone = kUpstreamSoa;
    config.asks_host = api::bool_at(json, "host", false);
    const auto& records = api::at(json, "records");
    if (!records.is_array()) {
        config.zone += config.asks_host ? "" : kUpstreamExamples;
        return config;
    }
    for (std::size_t i = 0; i < records.size(); ++i) {
        add_upstream_record(
            records[i], "spec.dns.upstream.records[" + std::to_string(i) + "]", config);
    }
    return config;
}

std::string ingress_records(const store::Store& store, const std::string& zone) {
    std::set<std::string> taken; // with the final dot
    std::istringstream lines(zone);
    for (std::string line; std::getline(lines, line);) {
        taken.insert(netemu::to_lower(line.substr(0, line.find(' '))));
    }
    std::set<std::string> records; // two Ingresses may share a host, and its addresses
    const auto add = [&](const std::string& host, const std::vector<netemu::IpAddress>& addresses) {
        if (host.empty() || taken.contains(absolute_name(host))) {
            return;
        }
        for (const auto& address : addresses) {
            records.insert(address_record(host, address));
        }
    };
    for (const auto& ingress : store.list("Ingress")) {
        const auto addresses = addresses_of_ingress(ingress->body);
        for (const auto& rule : api::at(ingress->body, "spec.rules")) {
            add(netemu::to_lower(api::string_at(rule, "host")), addresses);
        }
    }
    for (const auto& route : store.list("HTTPRoute")) {
        const auto addresses = addresses_of_route(store, *route);
        for (const auto& hostname : api::at(route->body, "spec.hostnames")) {
            add(gateway_hostname(hostname.is_string() ? hostname.get<std::string>() : ""),
                addresses);
        }
    }
    std::string text;
    for (const auto& record : records) {
        text += record;
    }
    return text;
}

std::vector<netemu::Endpoint> nameservers_of(const std::string& resolv_conf) {
    constexpr std::uint16_t kDnsPort = 53;
    std::vector<netemu::Endpoint> servers;
    for (const auto& server : dns::parse_resolv_conf(resolv_conf).nameservers) {
        if (const auto address = netemu::IpAddress::parse(server)) {
            servers.push_back({*address, kDnsPort});
        }
    }
    if (servers.empty()) {
        servers.push_back({*netemu::IpAddress::parse("127.0.0.1"), kDnsPort});
    }
    return servers;
}

} // namespace labctl::compile
