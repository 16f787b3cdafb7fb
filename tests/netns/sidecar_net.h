#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/sidecar/table.h"
#include "mesh/spiffe/authority.h"
#include "mesh/tls/session.h"
#include "tests/netns/served_net.h"

namespace test {

inline constexpr std::uint16_t kWebPort = 8080;     // of b: declared HTTP
inline constexpr std::uint16_t kSniffedPort = 9000; // of b: an echo on a port without a name
inline constexpr std::uint16_t kTcpPort = 9001;     // of b: an echo, declared TCP
inline constexpr std::uint16_t kFirstPort = 9002;   // of b: speaks first, without a name
inline constexpr std::uint16_t kEndPort = 9003;     // of b: ends first, declared TCP
inline constexpr std::uint16_t kResetPort = 9004;   // of b: breaks off, declared TCP
inline constexpr std::uint16_t kClosePort = 9005;   // of b: ends at once, declared HTTP
inline constexpr std::uint16_t kDeadPort = 9006;    // of b: nothing listens
inline constexpr std::uint16_t kH2Port = 9007;      // of b and c: h2_server.py, declared HTTP/2

/// Pods of the mesh: m/a (10.1.0.51, fd00::51) and m/b (.52), both with a sidecar, HTTP endpoints
/// called "a" and "b" on 8080 (tests/netns/ingress_server.py), b with tests/netns/tcp_server.py
/// and tests/netns/h2_server.py besides; and x/c (.53) with neither sidecar nor a place in the
/// mesh, called "c". Services are 10.96.0.N and fd00::96:N, port 80: see `ports` in the source.
class SidecarNet : public ServedNet {
public:
    SidecarNet();

    /// Makes the table the one in force, and waits until it is.
    void change(const mesh::SidecarTable& changed);
    /// The mode of all ports of b.
    void set_mode(mesh::istio::MtlsMode mode);
    void set_policies(std::vector<mesh::istio::AuthorizationPolicy> policies);
    /// What validates tokens at b.
    void set_authentications(std::vector<mesh::istio::RequestAuthentication> authentications);
    /// A new certificate for everybody.
    void renew();
    [[nodiscard]] mesh::SidecarService& service(const std::string& host);

    /// From a pod, through its sidecar if it has one.
    [[nodiscard]] TestClient to_service(const std::string& ns, int number, bool v6 = false) const;
    [[nodiscard]] TestClient to_pod(const std::string& ns, std::uint16_t port) const; // of b
    /// What a GET of that Service is answered to the pod, on a connection of its own.
    std::string get(const std::string& ns, int service, const std::string& path = "/");
    std::string get_from_pod(const std::string& ns, const std::string& path = "/"); // 8080 of b
    /// "m/a": what its sidecar has logged.
    std::vector<std::string> sidecar_logs(const std::string& pod);
    bool logged(const std::string& pod, const std::string& text);
    /// Connections that the pod's rules have led to the inbound side of its sidecar so far.
    long inbound_connections(const std::string& pod);
    void kill_child();
    bool child_lives(); // the one of the beginning
    void withdraw(const std::string& pod);
    /// Serves both pods, and waits until they are.
    void serve_again();

    mesh::Authority authority;
    mesh::SidecarTable table;

private:
    void add_service(
        int number,
        const std::string& host,
        mesh::SidecarProtocol protocol,
        const std::string& pod,
        std::uint16_t port,
        bool mtls);
    void lead_to_sidecar(const std::string& ns, const std::vector<std::string>& addresses);
};

/// A client that speaks TLS by itself.
class TlsTestClient {
public:
    TlsTestClient(
        TestClient connection, const std::shared_ptr<const mesh::TlsClientConfig>& config);

    /// Whether the handshake succeeds, as far as the client can tell.
    bool shake();
    void send(std::string_view plain);
    void finish();
    /// What comes, until it holds `text`, or nothing more comes.
    std::string until(std::string_view text);
    std::string response();
    [[nodiscard]] const std::string& error() const { return session_->error(); }
    [[nodiscard]] const mesh::TlsClientSession& session() const { return *session_; }
    TestClient& connection() { return connection_; }

private:
    bool more();

    TestClient connection_;
    std::unique_ptr<mesh::TlsClientSession> session_;
    std::string held_;
};

/// Settings of a client of the mesh with that SVID; without one if it is null.
std::shared_ptr<const mesh::TlsClientConfig> mesh_client(
    const mesh::Authority& authority,
    const mesh::Svid* svid,
    const std::vector<std::string>& alpn = {"istio"});

mesh::Svid svid_of(const mesh::Authority& authority, const std::string& account);

/// The first bytes of a client that offers these protocols.
std::string hello_offering(const std::vector<std::string>& alpn);

/// A policy for everybody in m, with one rule.
mesh::istio::AuthorizationPolicy
one_rule(mesh::istio::AuthorizationPolicy::Action action, const mesh::istio::Rule& rule);

} // namespace test
