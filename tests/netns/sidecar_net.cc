#include "tests/netns/sidecar_net.h"

#include <algorithm>

#include <signal.h>

#include "labctl/compile/sidecar_network.h"
#include "netemu/model/nft_text.h"
#include "tests/support/temporary.h"

namespace test {

using labctl::dataplane::DataPlane;
using labctl::dataplane::Protocol;
using labctl::dataplane::WorkloadSpec;
using mesh::SidecarProtocol;

namespace {

constexpr const char* kTrustDomain = "cluster.local";

std::string pod_address(const std::string& pod, bool v6 = false) {
    const std::string last = pod == "m/a" ? "51" : pod == "m/b" ? "52" : "53";
    return (v6 ? "fd00::" : "10.1.0.") + last;
}

std::string service_address(int number, bool v6) {
    return (v6 ? "fd00::96:" : "10.96.0.") + std::to_string(number);
}

WorkloadSpec sidecar_pod(const std::string& name) {
    WorkloadSpec spec{"pod/m/" + name, "m", name, "node-1", {}};
    spec.sidecar = true;
    return spec;
}

} // namespace

SidecarNet::SidecarNet()
    : authority(mesh::Authority::create(
          kTrustDomain, std::chrono::hours(1), std::chrono::system_clock::now())) {
    for (const auto* pod : {"m/a", "m/b", "x/c"}) {
        const auto ns = std::string("pod/") + pod;
        net.add(ns, {pod_address(pod) + "/16", pod_address(pod, true) + "/64"});
        start_server(ns, "ingress_server.py", std::string("8080 ") + (pod + 2), kWebPort);
    }
    start_server(
        "pod/m/b",
        "tcp_server.py",
        "9000:echo 9001:echo 9002:first 9003:end 9004:reset 9005:close",
        kClosePort);
    for (const auto* ns : {"pod/m/b", "pod/x/c"}) {
        start_server(ns, "h2_server.py", std::to_string(kH2Port), kH2Port);
    }
    using Kind = SidecarProtocol;
    add_service(10, "web", Kind::Http, "m/b", kWebPort, true);
    add_service(11, "sniffed", Kind::Detect, "m/b", kSniffedPort, true);
    add_service(12, "tcp", Kind::Tcp, "m/b", kTcpPort, true);
    add_service(13, "first", Kind::Detect, "m/b", kFirstPort, true);
    add_service(14, "end", Kind::Tcp, "m/b", kEndPort, true);
    add_service(15, "reset", Kind::Tcp, "m/b", kResetPort, true);
    add_service(16, "close", Kind::Http, "m/b", kClosePort, true);
    add_service(17, "dead", Kind::Http, "m/b", kDeadPort, true);
    add_service(18, "own", Kind::Http, "m/a", kWebPort, true);
    add_service(19, "plain", Kind::Http, "x/c", kWebPort, false);
    add_service(20, "h2", Kind::Http, "m/b", kH2Port, true);
    add_service(21, "plain-h2", Kind::Http, "x/c", kH2Port, false);
    service("h2").http2 = service("plain-h2").http2 = true;
    for (const auto* pod : {"m/a", "m/b"}) {
        lead_to_sidecar(std::string("pod/") + pod, {pod_address(pod), pod_address(pod, true)});
        auto& workload = table.workloads[pod];
        workload.account = pod; // accounts are called as the pods
        for (const auto& known : table.services) {
            const auto& at = known.endpoints.front();
            if (at.pod == pod) {
                workload.ports.push_back({at.address.port, known.protocol});
            }
        }
    }
    table.trust_domain = kTrustDomain;
    table.bundles[kTrustDomain] = authority.certificate_pem();
    for (const auto* account : {"m/a", "m/b"}) {
        const auto svid = svid_of(authority, account);
        table.identities[account] = {svid.chain_pem, svid.key_pem};
    }
    start(
        [this] {
            plane().change_sidecars(table);
            plane().serve({sidecar_pod("a"), sidecar_pod("b")});
        },
        2);
}

void SidecarNet::add_service(
    int number,
    const std::string& host,
    SidecarProtocol protocol,
    const std::string& pod,
    std::uint16_t port,
    bool mtls) {
    mesh::SidecarService known;
    known.name = "outbound|80||" + host + ".m.svc.cluster.local";
    known.sni = "outbound_.80_._." + host + ".m.svc.cluster.local";
    known.protocol = protocol;
    for (const bool v6 : {false, true}) {
        known.addresses.push_back(endpoint_of(service_address(number, v6), 80));
    }
    known.endpoints = {{endpoint_of(pod_address(pod), port), pod, mtls}};
    if (mtls) {
        known.server_ids = {
            mesh::SpiffeId::of_service_account(kTrustDomain, "m", pod.substr(2)).to_string()};
    }
    table.services.push_back(std::move(known));
}

void SidecarNet::lead_to_sidecar(const std::string& ns, const std::vector<std::string>& addresses) {
    netemu::NamespaceSpec pod;
    pod.links.emplace_back();
    std::vector<netemu::IpAddress> own;
    own.reserve(addresses.size());
    for (const auto& address : addresses) {
        own.push_back(netemu::IpAddress::parse(address).value());
    }
    labctl::compile::add_sidecar_network(own, pod);
    for (const auto& more : pod.links.front().addresses) {
        net.must(ns, "ip addr add " + more.to_string() + " dev lo");
    }
    const netemu::test::TemporaryFile rules(netemu::to_text(pod.tables.front()));
    net.must(ns, "nft -f " + rules.path());
}

void SidecarNet::change(const mesh::SidecarTable& changed) {
    on_loop([&] { plane().change_sidecars(changed); });
    (void)sidecar_logs("m/a"); // the child has taken it when it has answered this
}

void SidecarNet::set_mode(mesh::istio::MtlsMode mode) {
    auto& workload = table.workloads.at("m/b");
    workload.other_ports = mode;
    for (auto& port : workload.ports) {
        port.mode = mode;
    }
    change(table);
}

void SidecarNet::set_policies(std::vector<mesh::istio::AuthorizationPolicy> policies) {
    table.policies = std::move(policies);
    auto& used = table.workloads.at("m/b").policies;
    used.clear();
    for (std::size_t i = 0; i < table.policies.size(); ++i) {
        used.push_back(static_cast<std::uint32_t>(i));
    }
    change(table);
}

void SidecarNet::set_authentications(
    std::vector<mesh::istio::RequestAuthentication> authentications) {
    table.request_authentications = std::move(authentications);
    auto& used = table.workloads.at("m/b").authentications;
    used.clear();
    for (std::size_t i = 0; i < table.request_authentications.size(); ++i) {
        used.push_back(static_cast<std::uint32_t>(i));
    }
    change(table);
}

void SidecarNet::renew() {
    for (auto& [account, identity] : table.identities) {
        const auto svid = svid_of(authority, account);
        identity = {svid.chain_pem, svid.key_pem};
    }
    change(table);
}

mesh::SidecarService& SidecarNet::service(const std::string& host) {
    return *std::find_if(table.services.begin(), table.services.end(), [&](const auto& each) {
        return each.name.find("||" + host + ".") != std::string::npos;
    });
}

TestClient SidecarNet::to_service(const std::string& ns, int number, bool v6) const {
    return dial(ns, endpoint_of(service_address(number, v6), 80));
}

TestClient SidecarNet::to_pod(const std::string& ns, std::uint16_t port) const {
    return dial(ns, endpoint_of(pod_address("m/b"), port));
}

std::string SidecarNet::get(const std::string& ns, int service, const std::string& path) {
    auto client = to_service(ns, service);
    client.send(get_request(path, "web"));
    client.finish();
    return client.rest();
}

std::string SidecarNet::get_from_pod(const std::string& ns, const std::string& path) {
    auto client = to_pod(ns, kWebPort);
    client.send(get_request(path, "web"));
    client.finish();
    return client.rest();
}

std::vector<std::string> SidecarNet::sidecar_logs(const std::string& pod) {
    return logs(pod, DataPlane::LogOf::Sidecar);
}

bool SidecarNet::logged(const std::string& pod, const std::string& text) {
    const auto lines = sidecar_logs(pod);
    return std::any_of(lines.begin(), lines.end(), [&](const auto& line) {
        return line.find(text) != std::string::npos;
    });
}

long SidecarNet::inbound_connections(const std::string& pod) {
    const auto text =
        net.must("pod/" + pod, "nft list chain inet istio-proxy-nat istio-in-redirect");
    const std::string before = "counter packets ";
    return std::stol(text.substr(text.find(before) + before.size()));
}

void SidecarNet::kill_child() {
    on_loop([&] { ::kill(plane().pid(), SIGKILL); });
}

bool SidecarNet::child_lives() {
    bool lives = false;
    on_loop([&] { lives = pid() == child; });
    return lives;
}

void SidecarNet::withdraw(const std::string& pod) {
    on_loop([&] { plane().withdraw(pod); });
}

void SidecarNet::serve_again() {
    net.must("", "sleep 0.3"); // until the child has let go of the ports
    on_loop([&] { plane().serve({sidecar_pod("a"), sidecar_pod("b")}); });
}

// --- clients

TlsTestClient::TlsTestClient(
    TestClient connection, const std::shared_ptr<const mesh::TlsClientConfig>& config)
    : connection_(std::move(connection)),
      session_(std::make_unique<mesh::TlsClientSession>(config, "b.m")) {
}

bool TlsTestClient::more() {
    connection_.send(session_->take_output());
    const auto bytes = connection_.some();
    if (bytes.empty()) {
        return false;
    }
    session_->feed(bytes);
    held_ += session_->take_plain();
    connection_.send(session_->take_output());
    return !session_->failed();
}

bool TlsTestClient::shake() {
    while (!session_->handshaken() && more()) {
    }
    connection_.send(session_->take_output());
    return session_->handshaken();
}

void TlsTestClient::send(std::string_view plain) {
    session_->write(plain);
    connection_.send(session_->take_output());
}

void TlsTestClient::finish() {
    session_->close();
    connection_.send(session_->take_output());
    connection_.finish();
}

std::string TlsTestClient::until(std::string_view text) {
    while (held_.find(text) == std::string::npos && more()) {
    }
    return std::exchange(held_, {});
}

std::string TlsTestClient::response() {
    while (held_.find("\r\n\r\n") == std::string::npos && more()) {
    }
    const auto length = field_of(held_, "content-length");
    const auto size = held_.find("\r\n\r\n") + 4 + (length.empty() ? 0 : std::stoul(length));
    while (held_.size() < size && more()) {
    }
    return std::exchange(held_, {});
}

std::shared_ptr<const mesh::TlsClientConfig> mesh_client(
    const mesh::Authority& authority,
    const mesh::Svid* svid,
    const std::vector<std::string>& alpn) {
    mesh::TlsClientSettings settings;
    settings.alpn = alpn;
    settings.spiffe_bundles = {{kTrustDomain, authority.certificate_pem()}};
    if (svid != nullptr) {
        settings.identity = mesh::TlsIdentity::parse(svid->chain_pem, svid->key_pem);
    }
    return mesh::TlsClientConfig::make(std::move(settings));
}

mesh::Svid svid_of(const mesh::Authority& authority, const std::string& account) {
    const auto slash = account.find('/');
    return authority.issue(mesh::SpiffeId::of_service_account(
        authority.trust_domain(), account.substr(0, slash), account.substr(slash + 1)));
}

std::string hello_offering(const std::vector<std::string>& alpn) {
    mesh::TlsClientSettings settings;
    settings.alpn = alpn;
    mesh::TlsClientSession session(mesh::TlsClientConfig::make(std::move(settings)), "b.m");
    return session.take_output();
}

mesh::istio::AuthorizationPolicy
one_rule(mesh::istio::AuthorizationPolicy::Action action, const mesh::istio::Rule& rule) {
    mesh::istio::AuthorizationPolicy policy;
    policy.ns = "m";
    policy.name = "p";
    policy.action = action;
    policy.rules = {rule};
    return policy;
}

} // namespace test
