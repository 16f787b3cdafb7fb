#include "tests/support/service_tables.h"

#include <string>

#include <netinet/in.h>

namespace netemu::test {

namespace {

constexpr std::uint32_t kServices = 0x0A600000;  // 10.96.0.0
constexpr std::uint32_t kEndpoints = 0x0AF40000; // 10.244.0.0
constexpr std::uint16_t kPort = 80;
constexpr std::uint16_t kTargetPort = 8080;
constexpr std::uint32_t kMark = 0x4000;

using Field = NftMatchAddress::Field;

IpAddress service_address(std::size_t service) {
    return IpAddress::v4(kServices + 10 + static_cast<std::uint32_t>(service));
}

IpAddress endpoint_address(std::size_t service, std::size_t endpoint, std::size_t) {
    return IpAddress::v4(kEndpoints + static_cast<std::uint32_t>(service * 13 + endpoint) % 65000);
}

std::string name_of(std::size_t service) {
    return "ABCDEFGH-prod/service-" + std::to_string(service) + "/tcp/http";
}

NftSetVerdict to_chain(NftVerdict verdict, std::string chain) {
    return {verdict, std::move(chain)};
}

NftBytes service_key(std::size_t service) {
    return NftBytes().address(service_address(service)).protocol(IPPROTO_TCP).port(kPort);
}

NftChain endpoint_chain(std::size_t service, std::size_t endpoint) {
    const auto address = endpoint_address(service, endpoint, 0);
    NftChain chain;
    chain.name = "endpoint-" + name_of(service) + "__" + address.to_string() + "/8080-" +
                 std::to_string(endpoint);
    chain.rules = {
        {{NftMatchAddress{Field::Source, IpPrefix::host(address), false},
          to_chain(NftVerdict::Jump, "mark-for-masquerade")},
         ""},
        {{NftMatchProtocol{IPPROTO_TCP, false}, NftDnat{address, kTargetPort}}, ""}};
    return chain;
}

NftSet service_map(std::size_t service) {
    NftSet map{"endpoints-" + name_of(service), {NftType::Number}};
    map.verdicts = true;
    return map;
}

void add_chains(NftContents& part, ServiceLayout layout, std::size_t service, std::size_t count) {
    NftChain chain;
    chain.name = "service-" + name_of(service);
    chain.rules.push_back(
        {{NftMatchAddress{Field::Destination, IpPrefix::host(service_address(service)), false},
          NftMatchAddress{Field::Source, *IpPrefix::parse("10.244.0.0/16"), true},
          to_chain(NftVerdict::Jump, "mark-for-masquerade")},
         ""});
    NftRandomGoto random;
    NftSet map = service_map(service);
    for (std::size_t endpoint = 0; endpoint < count; ++endpoint) {
        part.chains.push_back(endpoint_chain(service, endpoint));
        random.chains.push_back(part.chains.back().name);
        map.elements.push_back(nft_verdict(
            NftBytes().number(static_cast<std::uint32_t>(endpoint)),
            NftVerdict::Goto,
            part.chains.back().name));
    }
    if (layout == ServiceLayout::Readable) {
        chain.rules.push_back({{random}, ""});
    } else {
        const auto modulus = static_cast<std::uint32_t>(count);
        chain.rules.push_back({{NftVerdictMap{{NftField::Random}, modulus, map.name}}, ""});
        part.sets.push_back(std::move(map));
    }
    part.elements.push_back(
        {"service-ips",
         {nft_verdict(service_key(service), NftVerdict::Goto, chain.name, "prod/service:http")}});
    part.chains.push_back(std::move(chain));
}

NftChain base_chain(std::string name, NftBase base, std::vector<NftRule> rules) {
    return {std::move(name), std::move(base), std::move(rules)};
}

std::vector<NftChain> common_chains(NftChain services) {
    const NftBase prerouting{"nat", NftHook::Prerouting, -100, NftVerdict::Accept};
    const NftBase output{"nat", NftHook::Output, -100, NftVerdict::Accept};
    const NftBase postrouting{"nat", NftHook::Postrouting, 100, NftVerdict::Accept};
    const auto jump = [](const char* chain) {
        return NftRule{{to_chain(NftVerdict::Jump, chain)}, ""};
    };
    return {
        {"mark-for-masquerade", {}, {{{NftSetMark{NftSetMark::How::Or, kMark}}, ""}}},
        {"masquerading",
         {},
         {{{NftMatchMark{kMark, 0, false}, to_chain(NftVerdict::Return, "")}, ""},
          {{NftSetMark{NftSetMark::How::Xor, kMark}}, ""},
          {{NftMasquerade{true}}, ""}}},
        std::move(services),
        base_chain("nat-prerouting", prerouting, {jump("services")}),
        base_chain("nat-output", output, {jump("services")}),
        base_chain("nat-postrouting", postrouting, {jump("masquerading")})};
}

} // namespace

NftPartPtr service_part(ServiceLayout layout, std::size_t service, std::size_t endpoints) {
    NftContents part;
    if (layout != ServiceLayout::Flat) {
        add_chains(part, layout, service, endpoints);
        return make_nft_part(std::move(part));
    }
    NftElements list{"endpoints", {}};
    for (std::size_t endpoint = 0; endpoint < endpoints; ++endpoint) {
        const auto key = NftBytes()
                             .number(static_cast<std::uint32_t>(endpoint))
                             .address(service_address(service))
                             .protocol(IPPROTO_TCP)
                             .port(kPort);
        const auto data =
            NftBytes().address(endpoint_address(service, endpoint, 0)).port(kTargetPort);
        list.elements.push_back(nft_data(key, data));
    }
    // The number of endpoints is told by which of the maps a service is in.
    list.set += "-" + std::to_string(endpoints);
    part.elements.push_back(std::move(list));
    return make_nft_part(std::move(part));
}

NftTable service_table(ServiceLayout layout, std::size_t services, std::size_t endpoints) {
    NftTable table{NftFamily::Ip, "kube-proxy", {}};
    const NftKey key{NftField::Destination, NftField::Protocol, NftField::DestinationPort};
    NftChain dispatch{"services", {}, {}};
    if (layout == ServiceLayout::Flat) {
        for (auto count = static_cast<std::uint32_t>(endpoints - 1); count <= endpoints; ++count) {
            NftSet map{
                "endpoints-" + std::to_string(count),
                {NftType::Number, NftType::Ipv4, NftType::Protocol, NftType::Port},
                {NftType::Ipv4, NftType::Port}};
            dispatch.rules.push_back(
                {{NftDnatMap{
                     {NftField::Random,
                      NftField::Destination,
                      NftField::Protocol,
                      NftField::DestinationPort},
                     count,
                     map.name}},
                 ""});
            table.sets.push_back(std::move(map));
        }
    } else {
        NftSet map{"service-ips", {NftType::Ipv4, NftType::Protocol, NftType::Port}};
        map.verdicts = true;
        table.sets.push_back(std::move(map));
        dispatch.rules.push_back({{NftVerdictMap{key, 0, "service-ips"}}, ""});
    }
    table.chains = common_chains(std::move(dispatch));
    for (std::size_t service = 0; service < services; ++service) {
        table.parts.push_back(service_part(layout, service, endpoints));
    }
    return table;
}

NftTable with_endpoint_gone(
    const NftTable& table, ServiceLayout layout, std::size_t service, std::size_t endpoints) {
    NftTable changed = table;
    changed.parts.replace(service, service_part(layout, service, endpoints - 1));
    return changed;
}

} // namespace netemu::test
