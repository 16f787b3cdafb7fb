#include "labctl/dataplane/sidecar_answers.h"

#include <algorithm>
#include <string_view>

#include "labctl/dataplane/workload.h"
#include "mesh/http/grpc.h"

namespace labctl::dataplane {
namespace {

constexpr const char* kBeforeHeaders =
    "upstream connect error or disconnect/reset before headers. reset reason: ";

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
    case Cause::Reset:
        return {503, "UR" + where, true, before + "remote reset"};
    case Cause::Refused:
        return {503, "UR" + where, true, before + "remote refused stream reset"};
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
        const auto told = mesh::read_grpc_end(response.headers);
        const int code = told ? told->code : mesh::grpc_code_of_http(refusal.status);
        mesh::make_grpc_end({code, refusal.body}, response);
        return response;
    }
    if (!refusal.body.empty()) {
        response.headers.add("content-type", "text/plain");
    }
    response.body = refusal.body;
    return response;
}

} // namespace labctl::dataplane
