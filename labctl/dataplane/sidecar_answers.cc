#include "labctl/dataplane/sidecar_answers.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "labctl/dataplane/workload.h"
#include "mesh/http/grpc.h"

namespace labctl::dataplane {
namespace {

constexpr const char* kBeforeHeaders =
    "upstream connect error or disconnect/reset before headers. reset reason: ";

/// The status of gRPC for one of HTTP (envoy: source/common/grpc/status.cc).
int grpc_status(int status) {
    constexpr std::array<std::pair<int, int>, 8> kKnown{
        {{400, 13}, {401, 16}, {403, 7}, {404, 12}, {429, 14}, {502, 14}, {503, 14}, {504, 14}}};
    const auto* const found = std::find_if(
        kKnown.begin(), kKnown.end(), [status](const auto& each) { return each.first == status; });
    constexpr int kUnknownGrpc = 2;
    return found == kKnown.end() ? kUnknownGrpc : found->second;
}

} // namespace

HttpProxy::Refusal
sidecar_failure(const UpstreamExchange::Failure& failure, const netemu::Endpoint& endpoint) {
    using Cause = UpstreamExchange::Cause;
    const std::string before = kBeforeHeaders;
    const auto where = " at " + endpoint.to_string() + ": " + failure.text;
    switch (failure.cause) {
    case Cause::Silence:
        return {504, "UT" + where, true, "upstream request timeout"};
    case Cause::Closed:
    case Cause::BrokeOff:
        return {503, "UC" + where, true, before + "connection termination"};
    case Cause::NoAnswer:
        return {502, "UPE" + where, true, before + "protocol error"};
    case Cause::Tls:
        return {
            503,
            "UF,URX" + where,
            true,
            before + "remote connection failure, transport failure reason: " + failure.text};
    default:
        return {503, "UF" + where, true, before + "connection failure"};
    }
}

HttpProxy::Refusal sidecar_without_certificate(const std::string& service) {
    return {
        503,
        "UF: " + service + " wants mTLS, and this pod has no certificate (yet)",
        true,
        std::string(kBeforeHeaders) +
            "remote connection failure, transport failure reason: TLS error: Secret is not "
            "supplied by SDS"};
}

std::optional<HttpProxy::Refusal> sidecar_tunnel_refusal(const mesh::Request& head) {
    if (head.method == "CONNECT") {
        return HttpProxy::Refusal{403, "CONNECT is not forwarded", false};
    }
    const auto& fields = head.headers.fields();
    const bool other = std::any_of(fields.begin(), fields.end(), [](const auto& field) {
        return mesh::equals_ignore_case(field.name, "upgrade") &&
               !mesh::equals_ignore_case(field.value, "websocket");
    });
    if (other) {
        return HttpProxy::Refusal{403, "upgrade_failed: only WebSocket is forwarded", false};
    }
    return std::nullopt;
}

mesh::Response
sidecar_reply(const char* server, const HttpProxy::Refusal& refusal, const mesh::Request* request) {
    mesh::Response response;
    response.status = refusal.status;
    response.headers = {{"server", server}};
    for (const auto& field : refusal.fields) {
        response.headers.set(field.name, field.value);
    }
    if (request != nullptr && request->path() == kWhoamiPath) {
        response.headers.add(std::string(kInPlaceField), "sidecar"); // a probe must know
    }
    if (request != nullptr && mesh::has_grpc_content_type(request->headers)) {
        constexpr int kOk = 200;
        response.status = kOk;
        response.headers.add("content-type", "application/grpc");
        if (!response.headers.has("grpc-status")) {
            response.headers.add("grpc-status", std::to_string(grpc_status(refusal.status)));
        }
        if (!refusal.body.empty()) {
            response.headers.add("grpc-message", refusal.body);
        }
        return response;
    }
    if (!refusal.body.empty()) {
        response.headers.add("content-type", "text/plain");
    }
    response.body = refusal.body;
    return response;
}

} // namespace labctl::dataplane
