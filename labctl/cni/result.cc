#include "labctl/cni/result.h"

#include <algorithm>

#include "labctl/cni/error.h"
#include "labctl/cni/version.h"

namespace labctl::cni {

using api::at;
using api::Json;
using api::string_at;
using netemu::IpAddress;
using netemu::IpPrefix;

namespace {

Json dns_json(const Dns& dns) {
    Json json = Json::object();
    if (!dns.nameservers.empty()) {
        json["nameservers"] = dns.nameservers;
    }
    if (!dns.domain.empty()) {
        json["domain"] = dns.domain;
    }
    if (!dns.search.empty()) {
        json["search"] = dns.search;
    }
    if (!dns.options.empty()) {
        json["options"] = dns.options;
    }
    return json;
}

[[noreturn]] void no_result(const std::string& what) {
    throw CniError(Code::Decoding, "the result of a plugin is not understood: " + what);
}

IpPrefix prefix_of(const Json& json, const char* field) {
    const auto text = string_at(json, field);
    const auto prefix = IpPrefix::parse(text);
    if (!prefix) {
        no_result(std::string(field) + " '" + text + "' is no address with a length");
    }
    return *prefix;
}

std::optional<IpAddress> gateway_of(const Json& json, const char* field) {
    const auto text = string_at(json, field);
    if (text.empty()) {
        return std::nullopt;
    }
    const auto address = IpAddress::parse(text);
    if (!address) {
        no_result(std::string(field) + " '" + text + "' is no address");
    }
    return address;
}

std::vector<std::string> texts(const Json& json) {
    std::vector<std::string> result;
    for (const auto& item : json) {
        if (item.is_string()) {
            result.push_back(item.get<std::string>());
        }
    }
    return result;
}

Interface interface_of(const Json& json) {
    const auto mtu = api::int_at(json, "mtu", 0);
    return {
        string_at(json, "name"),
        string_at(json, "mac"),
        mtu > 0 && mtu <= UINT16_MAX ? static_cast<std::uint32_t>(mtu) : 0U,
        string_at(json, "sandbox")};
}

Address address_of(const Json& json, std::size_t interfaces) {
    Address address{prefix_of(json, "address"), gateway_of(json, "gateway"), {}};
    const auto number = api::int_at(json, "interface", -1);
    if (number >= static_cast<std::int64_t>(interfaces)) {
        no_result("ips: there is no interface " + std::to_string(number));
    }
    if (number >= 0) {
        address.interface = static_cast<std::size_t>(number);
    }
    return address;
}

} // namespace

Json to_json(const Result& result, const std::string& version) {
    Json json{{"cniVersion", version}, {"dns", dns_json(result.dns)}};
    json["interfaces"] = Json::array();
    for (const auto& interface : result.interfaces) {
        Json entry{{"name", interface.name}};
        if (!interface.mac.empty()) {
            entry["mac"] = interface.mac;
        }
        if (interface.mtu != 0 && at_least(version, "1.1.0")) {
            entry["mtu"] = interface.mtu;
        }
        if (!interface.sandbox.empty()) {
            entry["sandbox"] = interface.sandbox;
        }
        json["interfaces"].push_back(std::move(entry));
    }
    json["ips"] = Json::array();
    for (const auto& ip : result.ips) {
        Json entry{{"address", ip.address.to_string()}};
        if (!at_least(version, "1.0.0")) {
            entry["version"] = ip.address.address.is_v4() ? "4" : "6";
        }
        if (ip.gateway) {
            entry["gateway"] = ip.gateway->to_string();
        }
        if (ip.interface) {
            entry["interface"] = *ip.interface;
        }
        json["ips"].push_back(std::move(entry));
    }
    json["routes"] = Json::array();
    for (const auto& route : result.routes) {
        Json entry{{"dst", route.destination.to_string()}};
        if (route.gateway) {
            entry["gw"] = route.gateway->to_string();
        }
        json["routes"].push_back(std::move(entry));
    }
    return json;
}

Result read_result(const Json& json) {
    if (!json.is_object()) {
        no_result("it is no object");
    }
    if (const auto version = string_at(json, "cniVersion"); !is_supported(version)) {
        no_result("cniVersion '" + version + "' is not supported");
    }
    Result result;
    for (const auto& entry : at(json, "interfaces")) {
        result.interfaces.push_back(interface_of(entry));
    }
    for (const auto& entry : at(json, "ips")) {
        result.ips.push_back(address_of(entry, result.interfaces.size()));
    }
    for (const auto& entry : at(json, "routes")) {
        result.routes.push_back({prefix_of(entry, "dst"), gateway_of(entry, "gw")});
    }
    const auto& dns = at(json, "dns");
    result.dns = {
        texts(at(dns, "nameservers")),
        string_at(dns, "domain"),
        texts(at(dns, "search")),
        texts(at(dns, "options"))};
    return result;
}

Result append(Result first, Result more) {
    const auto shift = first.interfaces.size();
    for (auto& interface : more.interfaces) {
        first.interfaces.push_back(std::move(interface));
    }
    for (auto& ip : more.ips) {
        ip.interface = ip.interface ? std::optional(*ip.interface + shift) : std::nullopt;
        first.ips.push_back(ip);
    }
    for (const auto& route : more.routes) {
        first.routes.push_back(route);
    }
    if (first.dns.nameservers.empty()) {
        first.dns = std::move(more.dns);
    }
    return first;
}

std::vector<Address> container_addresses(const Result& result) {
    std::vector<Address> addresses;
    std::copy_if(
        result.ips.begin(),
        result.ips.end(),
        std::back_inserter(addresses),
        [&](const Address& each) {
            return !each.interface || !result.interfaces.at(*each.interface).sandbox.empty();
        });
    return addresses;
}

} // namespace labctl::cni
