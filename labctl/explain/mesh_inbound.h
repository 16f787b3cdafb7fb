#pragma once

#include <optional>
#include <string>

#include "labctl/compile/mesh_view.h"
#include "labctl/explain/connection.h"
#include "mesh/http/message.h"

/// What a pod of a mesh does with a connection that comes to it. Internal to this folder.
namespace labctl::explain {

/// What FROM says over its connection.
struct MeshSpeech {
    enum class Kind : std::uint8_t {
        Bytes, // whatever they are; HTTP where the port is declared so
        Http,
        Tls, // of the application's own
    };
    Kind kind = Kind::Bytes;
    std::string method = "GET";
    std::string target = "/"; // path and query, as it is sent
    std::string authority;    // the Host
    mesh::Headers headers;

    /// Whether a sidecar reads it as HTTP on a port of that protocol.
    [[nodiscard]] bool is_http(mesh::SidecarProtocol protocol) const;
};

/// What a question says of it; `target` is where its connection goes.
[[nodiscard]] MeshSpeech
mesh_speech(const ExplainQuestion& question, const netemu::Endpoint& target);

/// How it comes to a pod.
struct MeshArrival {
    std::string pod; // "NAMESPACE/NAME"; "": no pod
    netemu::Endpoint address;
    netemu::IpAddress source;
    std::optional<std::string> peer_id; // of mutual TLS: the SPIFFE ID
    std::string sni;
    bool by_sidecar = false; // whether FROM's sidecar sends it
    bool of_own_pod = false; // it is FROM
};

/// "HTTP", "TCP", "detect".
[[nodiscard]] const char* sidecar_protocol_name(mesh::SidecarProtocol protocol);

/// {"sidecar": false, "why", "application", "verdict"}, or {"sidecar": true, "redirect": 15006,
/// "id", "port", "protocol", "spoken": "HTTP" or "TCP", "mtls" (MeshView::mtls, and "effect",
/// "accepted"), "identity" (null: none), "tokens" (where a RequestAuthentication speaks of HTTP):
/// {"rules", "outcome": "none", "valid" or "refused", "policy", "principal", "text"}, "policies":
/// [{"policy", "action", "dryRun", "matches", "rule" (from 1), "text"}] in the order in which they
/// are asked, "verdict": {"allowed", "text", "rule", "answer"}, "application": {"client", "xfcc"}
/// (null: it gets nothing)}. Of Linkerd, what explain_linkerd_arrival says. Tokens are looked at
/// with the clock of now. Pure otherwise.
[[nodiscard]] api::Json explain_arrival(
    const compile::MeshView& view, const MeshArrival& arrival, const MeshSpeech& speech);

} // namespace labctl::explain
