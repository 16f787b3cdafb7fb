#include "labctl/compile/sidecars.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "labctl/compile/cluster_config.h"
#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/linkerd_policies.h"
#include "labctl/compile/linkerd_table.h"
#include "labctl/compile/sidecar_objects.h"
#include "labctl/compile/sidecar_table.h"

namespace labctl::compile {

Sidecars::Sidecars(store::Store& store, const ClusterConfig& config)
    : store_(store), config_(config) {
    if (config_.mesh_profile == "none") {
        dirty_ = false;
        return;
    }
    for (const auto& slice : store_.list("EndpointSlice")) {
        (void)slices_.note(*slice, true);
    }
    watch_ = store_.watch([this](const store::Event& event) { on_event(event); });
}

Sidecars::~Sidecars() {
    if (watch_ != 0) {
        store_.unwatch(watch_);
    }
}

void Sidecars::on_event(const store::Event& event) {
    constexpr std::array<std::string_view, 6> kConcerning{
        "Service",
        "PeerAuthentication",
        "AuthorizationPolicy",
        "RequestAuthentication",
        "VirtualService",
        "DestinationRule"};
    const bool linkerd = config_.mesh_profile == kMeshProfileLinkerd;
    const auto kind = event.object->kind();
    if (std::find(kConcerning.begin(), kConcerning.end(), kind) != kConcerning.end() ||
        (linkerd && (kind == "Namespace" || is_linkerd_kind(kind)))) {
        dirty_ = dirty_ || !event.status_only;
    } else if (kind == "Pod") { // others know it by its addresses
        const auto& body = event.object->body;
        const bool moved = event.previous && api::at(event.previous->body, "status.podIPs") !=
                                                 api::at(body, "status.podIPs");
        const bool member = linkerd ? has_linkerd_proxy(body) : has_sidecar(body);
        const bool in_subset = !linkerd && !store_.list("DestinationRule").empty();
        dirty_ = dirty_ || (!event.status_only && (member || in_subset)) || (moved && member);
    } else if (kind == "EndpointSlice") {
        if (event.previous) {
            (void)slices_.note(*event.previous, false);
        }
        (void)slices_.note(*event.object, event.type != store::EventType::Deleted);
        dirty_ = true;
    }
}

std::optional<mesh::SidecarTable> Sidecars::update() {
    if (!std::exchange(dirty_, false)) {
        return std::nullopt;
    }
    auto table = config_.mesh_profile == kMeshProfileLinkerd
                     ? make_linkerd_table(store_, slices_, config_)
                     : make_sidecar_table(store_, slices_, config_);
    if (table == table_) {
        return std::nullopt;
    }
    table_ = table;
    return table;
}

namespace {

/// What a port says of itself.
std::string_view protocol_word(std::string_view app_protocol, std::string_view name) {
    if (!app_protocol.empty()) {
        return app_protocol;
    }
    return name.starts_with("grpc-web") ? "grpc-web" : name.substr(0, name.find('-'));
}

} // namespace

bool says_http2(const std::string& app_protocol, const std::string& name) {
    const auto says = protocol_word(app_protocol, name);
    return says == "http2" || says == "grpc" || says == "kubernetes.io/h2c";
}

mesh::SidecarProtocol
sidecar_protocol(const std::string& app_protocol, const std::string& name, std::uint16_t port) {
    using mesh::SidecarProtocol;
    constexpr std::array<std::string_view, 6> kHttp{
        "http", "http2", "grpc", "grpc-web", "kubernetes.io/h2c", "kubernetes.io/ws"};
    constexpr std::array<std::string_view, 7> kTcp{
        "tcp", "tls", "https", "mongo", "mysql", "redis", "kubernetes.io/wss"};
    constexpr std::array<std::uint16_t, 4> kServerSpeaksFirst{25, 53, 3306, 27017};
    const auto among = [](const auto& list, const auto& what) {
        return std::find(list.begin(), list.end(), what) != list.end();
    };
    const auto says = protocol_word(app_protocol, name);
    if (among(kHttp, says)) {
        return SidecarProtocol::Http;
    }
    return among(kTcp, says) || (app_protocol.empty() && among(kServerSpeaksFirst, port))
               ? SidecarProtocol::Tcp
               : SidecarProtocol::Detect;
}

} // namespace labctl::compile
