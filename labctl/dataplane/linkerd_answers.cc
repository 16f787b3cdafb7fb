#include "labctl/dataplane/linkerd_answers.h"

#include <algorithm>
#include <array>
#include <utility>

#include "labctl/dataplane/workload.h"
#include "mesh/http/grpc.h"

namespace labctl::dataplane {
namespace {

/// The status of gRPC for one of HTTP (reference 8.3).
int linkerd_grpc_status(int status) {
    constexpr std::array<std::pair<int, int>, 7> kKnown{
        {{403, 7}, {404, 5}, {429, 8}, {502, 14}, {503, 14}, {504, 4}, {508, 10}}};
    const auto* const found = std::find_if(
        kKnown.begin(), kKnown.end(), [status](const auto& each) { return each.first == status; });
    constexpr int kInternal = 13;
    return found == kKnown.end() ? kInternal : found->second;
}

} // namespace

HttpProxy::Refusal
linkerd_failure(const UpstreamExchange::Failure& failure, const netemu::Endpoint& endpoint) {
    using Cause = UpstreamExchange::Cause;
    const auto where = " at " + endpoint.to_string() + ": " + failure.text;
    if (failure.cause == Cause::Silence) {
        return {504, "no answer in time" + where, true, "response timeout"};
    }
    const bool connect = failure.cause == Cause::Connect || failure.cause == Cause::NoSocket ||
                         failure.cause == Cause::ConnectTimeout || failure.cause == Cause::Tls;
    return {
        502,
        (connect ? "not connected" : "connection lost") + where,
        true,
        (connect ? "failed to connect to " : "connection closed by ") + endpoint.to_string()};
}

HttpProxy::Refusal linkerd_without_endpoints(const std::string& service) {
    return {
        504,
        service + " has no ready endpoints",
        true,
        "service in fail-fast: " + service + " has no ready endpoints"};
}

HttpProxy::Refusal linkerd_without_certificate(const std::string& service) {
    const auto text = service + " wants mTLS, and this pod has no certificate (yet)";
    return {502, text, true, text};
}

mesh::Response linkerd_reply(const HttpProxy::Refusal& refusal, const mesh::Request* request) {
    mesh::Response response;
    response.status = refusal.status;
    if (request != nullptr && request->path() == kWhoamiPath) {
        response.headers.add(std::string(kInPlaceField), "sidecar"); // a probe must know
    }
    if (!refusal.body.empty() && mesh::is_field_value(refusal.body)) {
        response.headers.add("l5d-proxy-error", refusal.body);
    }
    if (request != nullptr && mesh::has_grpc_content_type(request->headers)) {
        mesh::make_grpc_end({linkerd_grpc_status(refusal.status), refusal.body}, response);
    }
    return response;
}

} // namespace labctl::dataplane
