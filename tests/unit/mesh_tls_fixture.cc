#include "tests/unit/mesh_tls_fixture.h"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace test_tls {

std::string file(const std::string& name) {
    const auto path = std::string(LABCTL_SOURCE_DIR) + "/tests/unit/data/tls/" + name;
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        throw std::runtime_error("cannot read " + path);
    }
    return {std::istreambuf_iterator<char>(in), {}};
}

std::shared_ptr<const mesh::TlsIdentity> identity(const std::string& name) {
    return mesh::TlsIdentity::parse(file(name + ".pem"), file(name + ".key"));
}

mesh::TlsServerSettings showing(const std::string& name) {
    mesh::TlsServerSettings settings;
    settings.identity = [shown = identity(name)](std::string_view) { return shown; };
    return settings;
}

std::shared_ptr<const mesh::TlsServerConfig> server(const std::string& name) {
    return mesh::TlsServerConfig::make(showing(name));
}

std::shared_ptr<const mesh::TlsClientConfig> client(mesh::TlsClientSettings settings) {
    return mesh::TlsClientConfig::make(std::move(settings));
}

std::shared_ptr<const mesh::TlsClientConfig> strict_client() {
    mesh::TlsClientSettings settings;
    settings.ca_pem = file("ca.pem");
    settings.must_verify = true;
    return client(std::move(settings));
}

void connect(mesh::TlsSession& one, mesh::TlsSession& other, std::size_t piece) {
    const auto carry = [piece](mesh::TlsSession& from, mesh::TlsSession& to) {
        const auto bytes = from.take_output();
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            to.feed(std::string_view(bytes).substr(at, piece));
        }
        return !bytes.empty();
    };
    bool more = true;
    while (more) {
        const bool there = carry(one, other);
        const bool back = carry(other, one);
        more = there || back;
    }
}

} // namespace test_tls
