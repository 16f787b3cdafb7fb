#include "labctl/dataplane/ingress_wire.h"

#include <limits>

#include "labctl/dataplane/wire.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

constexpr std::uint32_t kNoBackend = std::numeric_limits<std::uint32_t>::max();

std::uint32_t length_of(std::size_t size) {
    return static_cast<std::uint32_t>(size);
}

void put_backend(WireWriter& writer, const std::optional<std::uint32_t>& backend) {
    writer.u32(backend.value_or(kNoBackend));
}

/// An index of the table's backends.
std::uint32_t read_index(WireReader& reader, std::size_t backends) {
    const auto index = reader.u32();
    if (index >= backends) {
        throw netemu::Error("a rule of an Ingress leads to no backend");
    }
    return index;
}

std::optional<std::uint32_t> read_backend(WireReader& reader, std::size_t backends) {
    const auto index = reader.u32();
    if (index == kNoBackend) {
        return std::nullopt;
    }
    if (index >= backends) {
        throw netemu::Error("a default backend of an Ingress is none");
    }
    return index;
}

services::IngressPath read_path(WireReader& reader, std::size_t backends) {
    services::IngressPath path;
    const auto type = reader.u8();
    if (type > static_cast<std::uint8_t>(services::IngressPathType::ImplementationSpecific)) {
        throw netemu::Error("a path of an Ingress has a type that is none");
    }
    path.type = static_cast<services::IngressPathType>(type);
    path.path = reader.text();
    path.backend = read_index(reader, backends);
    path.ingress = reader.text();
    return path;
}

services::IngressBackend read_one_backend(WireReader& reader) {
    services::IngressBackend backend;
    backend.name = reader.text();
    backend.problem = reader.text();
    backend.http2 = reader.u8() != 0;
    for (auto count = reader.u32(); count > 0; --count) {
        backend.endpoints.push_back(reader.endpoint());
    }
    return backend;
}

services::IngressCertificate read_certificate(WireReader& reader) {
    services::IngressCertificate certificate;
    certificate.secret = reader.text();
    certificate.chain_pem = reader.text();
    certificate.key_pem = reader.text();
    certificate.hosts = reader.texts();
    return certificate;
}

} // namespace

std::string encode_ingress_table(const services::IngressTable& table) {
    WireWriter writer;
    writer.u32(length_of(table.backends.size()));
    for (const auto& backend : table.backends) {
        writer.text(backend.name).text(backend.problem).u8(backend.http2 ? 1 : 0);
        writer.u32(length_of(backend.endpoints.size()));
        for (const auto& endpoint : backend.endpoints) {
            writer.endpoint(endpoint);
        }
    }
    put_backend(writer, table.default_backend);
    writer.u32(length_of(table.hosts.size()));
    for (const auto& [name, host] : table.hosts) {
        writer.text(name);
        put_backend(writer, host.default_backend);
        writer.u32(length_of(host.paths.size()));
        for (const auto& path : host.paths) {
            writer.u8(static_cast<std::uint8_t>(path.type)).text(path.path).u32(path.backend);
            writer.text(path.ingress);
        }
    }
    writer.u32(length_of(table.certificates.size()));
    for (const auto& certificate : table.certificates) {
        writer.text(certificate.secret).text(certificate.chain_pem).text(certificate.key_pem);
        writer.texts(certificate.hosts);
    }
    return writer.bytes();
}

services::IngressTable decode_ingress_table(std::string_view bytes) {
    WireReader reader(bytes);
    services::IngressTable table;
    for (auto count = reader.u32(); count > 0; --count) {
        table.backends.push_back(read_one_backend(reader));
    }
    const auto backends = table.backends.size();
    table.default_backend = read_backend(reader, backends);
    for (auto hosts = reader.u32(); hosts > 0; --hosts) {
        auto& host = table.hosts[std::string(reader.text())];
        host.default_backend = read_backend(reader, backends);
        for (auto paths = reader.u32(); paths > 0; --paths) {
            host.paths.push_back(read_path(reader, backends));
        }
    }
    for (auto count = reader.u32(); count > 0; --count) {
        table.certificates.push_back(read_certificate(reader));
    }
    reader.expect_end("a table of an Ingress");
    return table;
}

} // namespace labctl::dataplane
