#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "netemu/base/address.h"

/// What an ADD answers (CNI specification 1.1.0, "ADD Success"; 0.3.1 and 0.4.0, "Result").
namespace labctl::cni {

struct Interface {
    std::string name;
    std::string mac;
    std::uint32_t mtu = 0; // 0: not said; only of 1.1.0
    std::string sandbox;   // path of its network namespace; empty: the host's
};

struct Address {
    netemu::IpPrefix address; // the host bits are kept
    std::optional<netemu::IpAddress> gateway;
    std::optional<std::size_t> interface; // position in Result::interfaces
};

struct Route {
    netemu::IpPrefix destination;
    std::optional<netemu::IpAddress> gateway;
};

struct Dns {
    std::vector<std::string> nameservers;
    std::string domain;
    std::vector<std::string> search;
    std::vector<std::string> options;
};

struct Result {
    std::vector<Interface> interfaces;
    std::vector<Address> ips;
    std::vector<Route> routes;
    Dns dns;
};

/// In the form of that version: up to 0.4.0 each of `ips` says "version": "4" or "6"; from 1.1.0 on
/// interfaces have their MTU.
[[nodiscard]] api::Json to_json(const Result& result, const std::string& version);

/// Reads a result of any supported version. Throws CniError (Decoding) for what is none.
[[nodiscard]] Result read_result(const api::Json& json);

/// `first` with what `more` adds, as a plugin further down a list answers.
[[nodiscard]] Result append(Result first, Result more);

/// The addresses that the container has: those of no interface, or of one that has a sandbox.
[[nodiscard]] std::vector<Address> container_addresses(const Result& result);

} // namespace labctl::cni
