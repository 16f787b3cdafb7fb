#include "labctl/dataplane/sidecar_wire.h"

#include "labctl/dataplane/linkerd_policy_wire.h"
#include "labctl/dataplane/mesh_policy_wire.h"
#include "labctl/dataplane/traffic_wire.h"
#include "labctl/dataplane/wire.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

std::uint32_t count_of(std::size_t size) {
    return static_cast<std::uint32_t>(size);
}

template <typename Enum>
Enum read_enum(WireReader& reader, Enum last) {
    const auto number = reader.u8();
    if (number > static_cast<std::uint8_t>(last)) {
        throw netemu::Error("a table of sidecars has a number that means nothing");
    }
    return static_cast<Enum>(number);
}

mesh::SidecarProtocol read_protocol(WireReader& reader) {
    return read_enum(reader, mesh::SidecarProtocol::Http);
}

mesh::istio::MtlsMode read_mode(WireReader& reader) {
    return read_enum(reader, mesh::istio::MtlsMode::Strict);
}

void put_service(WireWriter& writer, const mesh::SidecarService& service) {
    writer.text(service.name).text(service.sni).u8(static_cast<std::uint8_t>(service.protocol));
    writer.u8(service.http2 ? 1 : 0);
    writer.u32(count_of(service.addresses.size()));
    for (const auto& address : service.addresses) {
        writer.endpoint(address);
    }
    writer.u32(count_of(service.endpoints.size()));
    for (const auto& endpoint : service.endpoints) {
        writer.endpoint(endpoint.address).text(endpoint.pod).u8(endpoint.mtls ? 1 : 0);
        writer.text(endpoint.server_name);
    }
    writer.u32(count_of(service.server_ids.size()));
    for (const auto& id : service.server_ids) {
        writer.text(id);
    }
    writer.u32(count_of(service.virtual_services.size()));
    for (const auto index : service.virtual_services) {
        writer.u32(index);
    }
    writer.u8(service.rules.empty() ? 0 : 1);
    if (!service.rules.empty()) {
        writer.text(encode_destination_rules(service.rules));
    }
}

mesh::SidecarService read_service(WireReader& reader, std::size_t virtual_services) {
    mesh::SidecarService service;
    service.name = reader.text();
    service.sni = reader.text();
    service.protocol = read_protocol(reader);
    service.http2 = reader.u8() != 0;
    for (auto count = reader.u32(); count > 0; --count) {
        service.addresses.push_back(reader.endpoint());
    }
    for (auto count = reader.u32(); count > 0; --count) {
        mesh::SidecarEndpoint endpoint;
        endpoint.address = reader.endpoint();
        endpoint.pod = reader.text();
        endpoint.mtls = reader.u8() != 0;
        endpoint.server_name = reader.text();
        service.endpoints.push_back(std::move(endpoint));
    }
    for (auto count = reader.u32(); count > 0; --count) {
        service.server_ids.emplace_back(reader.text());
    }
    for (auto count = reader.u32(); count > 0; --count) {
        service.virtual_services.push_back(reader.u32());
        if (service.virtual_services.back() >= virtual_services) {
            throw netemu::Error("a Service has a VirtualService that is none");
        }
    }
    if (reader.u8() != 0) {
        service.rules = decode_destination_rules(reader.text(), service.endpoints.size());
    }
    return service;
}

void put_workload(WireWriter& writer, const mesh::SidecarWorkload& workload) {
    writer.text(workload.account).u8(static_cast<std::uint8_t>(workload.other_ports));
    writer.u32(count_of(workload.ports.size()));
    for (const auto& port : workload.ports) {
        writer.u16(port.port).u8(static_cast<std::uint8_t>(port.protocol));
        writer.u8(static_cast<std::uint8_t>(port.mode));
    }
    writer.u32(count_of(workload.policies.size()));
    for (const auto policy : workload.policies) {
        writer.u32(policy);
    }
    writer.u32(count_of(workload.labels.size()));
    for (const auto& [key, value] : workload.labels) {
        writer.text(key).text(value);
    }
    writer.u32(count_of(workload.authentications.size()));
    for (const auto authentication : workload.authentications) {
        writer.u32(authentication);
    }
    writer.u8(workload.servers ? 1 : 0);
    if (workload.servers) {
        writer.u32(workload.servers->others).u32(count_of(workload.servers->ports.size()));
        for (const auto& [port, server] : workload.servers->ports) {
            writer.u16(port).u32(server);
        }
    }
}

mesh::SidecarServers read_servers(WireReader& reader, std::size_t count) {
    const auto checked = [count](std::uint32_t index) {
        if (index >= count) {
            throw netemu::Error("a sidecar's port is governed by what is not there");
        }
        return index;
    };
    mesh::SidecarServers servers;
    servers.others = checked(reader.u32());
    for (auto rest = reader.u32(); rest > 0; --rest) {
        const auto port = reader.u16();
        servers.ports[port] = checked(reader.u32());
    }
    return servers;
}

void put_peer(WireWriter& writer, const mesh::SidecarPeer& peer) {
    writer.text(peer.pod).text(peer.server_name).u32(count_of(peer.skipped.size()));
    for (const auto& [from, to] : peer.skipped) {
        writer.u16(from).u16(to);
    }
}

void put_labels(WireWriter& writer, const mesh::SidecarPodLabels& labels) {
    writer.text(labels.workload).text(labels.kind).text(labels.app).text(labels.version);
    writer.text(labels.service).text(labels.revision).u32(count_of(labels.addresses.size()));
    for (const auto& address : labels.addresses) {
        writer.endpoint({address, 0});
    }
}

mesh::SidecarPodLabels read_labels(WireReader& reader) {
    mesh::SidecarPodLabels labels;
    labels.workload = reader.text();
    labels.kind = reader.text();
    labels.app = reader.text();
    labels.version = reader.text();
    labels.service = reader.text();
    labels.revision = reader.text();
    for (auto rest = reader.u32(); rest > 0; --rest) {
        labels.addresses.push_back(reader.endpoint().address);
    }
    return labels;
}

mesh::SidecarPeer read_peer(WireReader& reader) {
    mesh::SidecarPeer peer;
    peer.pod = reader.text();
    peer.server_name = reader.text();
    for (auto rest = reader.u32(); rest > 0; --rest) {
        const auto from = reader.u16();
        peer.skipped.emplace_back(from, reader.u16());
    }
    return peer;
}

mesh::SidecarWorkload read_workload(WireReader& reader, const mesh::SidecarTable& table) {
    mesh::SidecarWorkload workload;
    workload.account = reader.text();
    workload.other_ports = read_mode(reader);
    for (auto count = reader.u32(); count > 0; --count) {
        mesh::SidecarPort port;
        port.port = reader.u16();
        port.protocol = read_protocol(reader);
        port.mode = read_mode(reader);
        workload.ports.push_back(port);
    }
    for (auto count = reader.u32(); count > 0; --count) {
        workload.policies.push_back(reader.u32());
        if (workload.policies.back() >= table.policies.size()) {
            throw netemu::Error("a sidecar has a policy that is none");
        }
    }
    for (auto count = reader.u32(); count > 0; --count) {
        const std::string key(reader.text());
        workload.labels[key] = reader.text();
    }
    for (auto count = reader.u32(); count > 0; --count) {
        workload.authentications.push_back(reader.u32());
        if (workload.authentications.back() >= table.request_authentications.size()) {
            throw netemu::Error("a sidecar has a RequestAuthentication that is none");
        }
    }
    if (reader.u8() != 0) {
        workload.servers = read_servers(reader, table.servers.size());
    }
    return workload;
}

} // namespace

std::string encode_sidecar_table(const mesh::SidecarTable& table) {
    WireWriter writer;
    writer.text(table.trust_domain).u32(count_of(table.bundles.size()));
    for (const auto& [domain, pem] : table.bundles) {
        writer.text(domain).text(pem);
    }
    writer.u32(count_of(table.identities.size()));
    for (const auto& [name, identity] : table.identities) {
        writer.text(name).text(identity.chain_pem).text(identity.key_pem);
    }
    writer.text(encode_virtual_services(table.virtual_services));
    writer.u32(count_of(table.services.size()));
    for (const auto& service : table.services) {
        put_service(writer, service);
    }
    writer.text(encode_authorization_policies(table.policies));
    writer.text(encode_request_authentications(table.request_authentications));
    writer.u32(count_of(table.pods.size()));
    for (const auto& [name, labels] : table.pods) {
        writer.text(name);
        put_labels(writer, labels);
    }
    writer.u8(static_cast<std::uint8_t>(table.mesh));
    writer.text(encode_inbound_servers(table.servers)).u32(count_of(table.peers.size()));
    for (const auto& [address, peer] : table.peers) {
        writer.endpoint({address, 0});
        put_peer(writer, peer);
    }
    writer.u32(count_of(table.workloads.size()));
    for (const auto& [name, workload] : table.workloads) {
        writer.text(name);
        put_workload(writer, workload);
    }
    return writer.bytes();
}

mesh::SidecarTable decode_sidecar_table(std::string_view bytes) {
    WireReader reader(bytes);
    mesh::SidecarTable table;
    table.trust_domain = reader.text();
    for (auto count = reader.u32(); count > 0; --count) {
        const std::string domain(reader.text());
        table.bundles[domain] = reader.text();
    }
    for (auto count = reader.u32(); count > 0; --count) {
        auto& identity = table.identities[std::string(reader.text())];
        identity.chain_pem = reader.text();
        identity.key_pem = reader.text();
    }
    table.virtual_services = decode_virtual_services(reader.text());
    for (auto count = reader.u32(); count > 0; --count) {
        table.services.push_back(read_service(reader, table.virtual_services.size()));
    }
    table.policies = decode_authorization_policies(reader.text());
    table.request_authentications = decode_request_authentications(reader.text());
    for (auto count = reader.u32(); count > 0; --count) {
        const std::string name(reader.text());
        table.pods[name] = read_labels(reader);
    }
    table.mesh = read_enum(reader, mesh::SidecarMesh::Linkerd);
    table.servers = decode_inbound_servers(reader.text());
    for (auto count = reader.u32(); count > 0; --count) {
        const auto address = reader.endpoint().address;
        table.peers[address] = read_peer(reader);
    }
    for (auto count = reader.u32(); count > 0; --count) {
        const std::string name(reader.text());
        auto& workload = table.workloads[name];
        workload = read_workload(reader, table);
        if ((table.mesh == mesh::SidecarMesh::Linkerd) != workload.servers.has_value()) {
            throw netemu::Error("a sidecar is none of its mesh");
        }
    }
    reader.expect_end("a table of sidecars");
    return table;
}

} // namespace labctl::dataplane
