#include "labctl/dataplane/linkerd_policy_wire.h"

#include <utility>

#include "labctl/dataplane/wire.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {

namespace {

using namespace mesh::linkerd;

void put_size(WireWriter& writer, std::size_t size) {
    writer.u32(static_cast<std::uint32_t>(size));
}

/// Throws for a number that is none of the enum's.
template <class Enum>
Enum enum_of(WireReader& reader, Enum last) {
    const auto number = reader.u8();
    if (number > static_cast<std::uint8_t>(last)) {
        throw netemu::Error("what governs a port has a number that means nothing");
    }
    return static_cast<Enum>(number);
}

void put_prefix(WireWriter& writer, const netemu::IpPrefix& prefix) {
    writer.text(prefix.to_string());
}

netemu::IpPrefix read_prefix(WireReader& reader) {
    const auto prefix = netemu::IpPrefix::parse(reader.text());
    if (!prefix) {
        throw netemu::Error("what governs a port has a range that is none");
    }
    return *prefix;
}

void put_authorization(WireWriter& writer, const Authorization& one) {
    writer.text(one.name).u8(static_cast<std::uint8_t>(one.client)).texts(one.identities);
    put_size(writer, one.networks.size());
    for (const auto& network : one.networks) {
        put_prefix(writer, network.cidr);
        put_size(writer, network.except.size());
        for (const auto& except : network.except) {
            put_prefix(writer, except);
        }
    }
    writer.u8(one.audit ? 1 : 0);
}

Authorization read_authorization(WireReader& reader) {
    Authorization one;
    one.name = reader.text();
    one.client = enum_of(reader, Authorization::Client::Identities);
    one.identities = reader.texts();
    for (auto count = reader.u32(); count > 0; --count) {
        Network network{read_prefix(reader), {}};
        for (auto rest = reader.u32(); rest > 0; --rest) {
            network.except.push_back(read_prefix(reader));
        }
        one.networks.push_back(std::move(network));
    }
    one.audit = reader.u8() != 0;
    return one;
}

void put_authorizations(WireWriter& writer, const std::vector<Authorization>& all) {
    put_size(writer, all.size());
    for (const auto& one : all) {
        put_authorization(writer, one);
    }
}

std::vector<Authorization> read_authorizations(WireReader& reader) {
    std::vector<Authorization> all;
    for (auto count = reader.u32(); count > 0; --count) {
        all.push_back(read_authorization(reader));
    }
    return all;
}

void put_values(WireWriter& writer, const std::vector<ValueMatch>& values) {
    put_size(writer, values.size());
    for (const auto& value : values) {
        writer.text(value.name).text(value.value);
    }
}

std::vector<ValueMatch> read_values(WireReader& reader) {
    std::vector<ValueMatch> values;
    for (auto count = reader.u32(); count > 0; --count) {
        std::string name(reader.text());
        values.push_back({std::move(name), std::string(reader.text())});
    }
    return values;
}

void put_route(WireWriter& writer, const InboundRoute& route) {
    writer.text(route.table.name).text(route.table.created).texts(route.table.hostnames);
    put_size(writer, route.table.rules.size());
    for (const auto& rule : route.table.rules) {
        put_size(writer, rule.matches.size());
        for (const auto& match : rule.matches) {
            writer.u8(static_cast<std::uint8_t>(match.path.kind)).text(match.path.value);
            writer.text(match.method);
            put_values(writer, match.headers);
            put_values(writer, match.query);
        }
    }
    put_authorizations(writer, route.authorizations);
}

RouteRule read_route_rule(WireReader& reader) {
    RouteRule rule;
    for (auto count = reader.u32(); count > 0; --count) {
        RouteMatch match;
        match.path.kind = enum_of(reader, PathMatch::Kind::Exact);
        match.path.value = reader.text();
        match.method = reader.text();
        match.headers = read_values(reader);
        match.query = read_values(reader);
        rule.matches.push_back(std::move(match));
    }
    return rule;
}

InboundRoute read_route(WireReader& reader) {
    InboundRoute route;
    route.table.name = reader.text();
    route.table.created = reader.text();
    route.table.hostnames = reader.texts();
    for (auto count = reader.u32(); count > 0; --count) {
        route.table.rules.push_back(read_route_rule(reader));
    }
    route.authorizations = read_authorizations(reader);
    return route;
}

InboundServer read_server(WireReader& reader) {
    InboundServer server;
    server.server = reader.text();
    server.policy = enum_of(reader, DefaultPolicy::Deny);
    server.protocol = enum_of(reader, ProxyProtocol::Tls);
    server.authorizations = read_authorizations(reader);
    for (auto count = reader.u32(); count > 0; --count) {
        server.routes.push_back(read_route(reader));
    }
    server.probe_paths = reader.texts();
    return server;
}

} // namespace

std::string encode_inbound_servers(std::span<const InboundServer> servers) {
    WireWriter writer;
    put_size(writer, servers.size());
    for (const auto& server : servers) {
        writer.text(server.server).u8(static_cast<std::uint8_t>(server.policy));
        writer.u8(static_cast<std::uint8_t>(server.protocol));
        put_authorizations(writer, server.authorizations);
        put_size(writer, server.routes.size());
        for (const auto& route : server.routes) {
            put_route(writer, route);
        }
        writer.texts(server.probe_paths);
    }
    return writer.bytes();
}

std::vector<InboundServer> decode_inbound_servers(std::string_view bytes) {
    WireReader reader(bytes);
    std::vector<InboundServer> servers;
    for (auto count = reader.u32(); count > 0; --count) {
        servers.push_back(read_server(reader));
    }
    reader.expect_end("what governs the ports of pods");
    return servers;
}

} // namespace labctl::dataplane
