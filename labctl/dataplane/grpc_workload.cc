#include "labctl/dataplane/grpc_workload.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "labctl/api/grpc_status.h"
#include "mesh/http/grpc.h"
#include "netemu/base/text.h"

namespace labctl::dataplane {
namespace {

// grpc/doc/statuscodes.md.
constexpr int kGrpcOk = 0;
constexpr int kGrpcInvalidArgument = 3;
constexpr int kGrpcResourceExhausted = 8;
constexpr int kGrpcUnimplemented = 12;
constexpr int kGrpcInternal = 13;

constexpr std::string_view kHealthService = "grpc.health.v1.Health";
constexpr std::string_view kServing{"\x08\x01", 2};    // HealthCheckResponse, status: SERVING
constexpr std::string_view kNotServing{"\x08\x02", 2}; // NOT_SERVING

struct GrpcMethod {
    std::string_view service;
    std::string_view name;
};

/// Of "/package.Service/Method".
std::optional<GrpcMethod> method_of(std::string_view path) {
    const auto slash = path.rfind('/');
    if (!path.starts_with('/') || slash < 2 || slash + 1 == path.size()) {
        return std::nullopt;
    }
    return GrpcMethod{path.substr(1, slash - 1), path.substr(slash + 1)};
}

/// With one message, and its status behind it.
mesh::Response grpc_reply(std::string_view message) {
    mesh::Response response;
    response.headers.add("content-type", std::string(mesh::kGrpcContentType));
    response.headers.add("transfer-encoding", "chunked"); // nobody is told its length
    response.body = mesh::grpc_frame(message);
    mesh::add_grpc_end({kGrpcOk, {}}, response.trailers);
    return response;
}

/// With a status alone.
mesh::Response grpc_refusal(int code, std::string message) {
    mesh::Response response;
    response.headers.add("content-type", std::string(mesh::kGrpcContentType));
    response.headers.add("transfer-encoding", "chunked");
    mesh::add_grpc_end({code, std::move(message)}, response.headers);
    return response;
}

/// What is wrong with what the caller has sent, as grpc/doc/statuscodes.md has it.
std::optional<mesh::Response> broken_call(const mesh::Request& request, bool one_message) {
    const auto body = mesh::read_grpc_body(request.body);
    if (body.malformed) {
        return grpc_refusal(kGrpcInternal, "the request is not made of gRPC's messages");
    }
    const auto encoding = request.headers.get("grpc-encoding");
    if (body.compressed && (encoding.empty() || encoding == "identity")) {
        return grpc_refusal(
            kGrpcInternal, "a compressed message, and grpc-encoding does not say how");
    }
    if (body.compressed) {
        auto refusal = grpc_refusal(
            kGrpcUnimplemented, "grpc-encoding " + std::string(encoding) + " is not understood");
        refusal.headers.add("grpc-accept-encoding", "identity");
        return refusal;
    }
    if (one_message && body.messages.size() != 1) {
        return grpc_refusal(
            kGrpcUnimplemented,
            std::to_string(body.messages.size()) + " messages for a method that takes one");
    }
    return std::nullopt;
}

mesh::Response health(const Exchange& exchange, std::string_view method) {
    if (method != "Check") { // Watch never ends, and nothing here waits for readiness
        return grpc_refusal(
            kGrpcUnimplemented,
            "unknown method " + std::string(method) + " of " + std::string(kHealthService));
    }
    return grpc_reply(exchange.ready ? kServing : kNotServing);
}

/// "UNAVAILABLE" or "14", as /status takes it.
std::optional<int> grpc_code(std::string_view text) {
    for (std::size_t code = 0; code < api::grpc_status_names().size(); ++code) {
        if (text == std::to_string(code)) {
            return static_cast<int>(code);
        }
    }
    return api::grpc_status_named(text);
}

mesh::Response grpc_status(std::string_view list) {
    const auto code = draw_weighted(list, grpc_code);
    if (!code) {
        return grpc_refusal(
            kGrpcInvalidArgument, '"' + std::string(list) + "\" is no status of gRPC");
    }
    return *code == kGrpcOk ? grpc_reply({}) : grpc_refusal(*code, "as /status was asked for");
}

Answer grpc_route(const Exchange& exchange, const mesh::Request& request) {
    const auto method = method_of(request.path());
    if (!method) {
        return {grpc_refusal(
            kGrpcUnimplemented, "malformed method name: \"" + std::string(request.path()) + '"')};
    }
    const bool health_check = method->service == kHealthService;
    if (auto refusal = broken_call(request, health_check)) {
        return {*std::move(refusal)};
    }
    if (health_check) {
        return {health(exchange, method->name)};
    }
    if (method->service == "status") {
        return {grpc_status(method->name)};
    }
    if (method->service == "delay") {
        const auto delay = parse_delay(method->name);
        return delay ? Answer{grpc_reply({}), *delay}
                     : Answer{grpc_refusal(kGrpcInvalidArgument, "Invalid delay")};
    }
    if (method->service.starts_with("grpc.reflection.")) { // a tool that asks would wait for more
        return {grpc_refusal(kGrpcUnimplemented, "no reflection: every method is answered")};
    }
    return {grpc_reply({})};
}

} // namespace

bool is_grpc_call(const mesh::Request& request) {
    return request.method == "POST" && mesh::has_grpc_content_type(request.headers);
}

Answer answer_grpc(const Exchange& exchange, const mesh::Request& request) {
    auto answer = grpc_route(exchange, request);
    sign_answer(exchange, request, answer.response);
    return answer;
}

mesh::Response refuse_large_call(const Exchange& exchange, const mesh::Request& request) {
    auto refusal = grpc_refusal(kGrpcResourceExhausted, "the messages are too large");
    sign_answer(exchange, request, refusal);
    return refusal;
}

std::string grpc_log_text(const mesh::Request& request, const mesh::Response& response) {
    auto end = mesh::read_grpc_end(response.trailers);
    end = end ? end : mesh::read_grpc_end(response.headers);
    std::string text = "gRPC ";
    text.append(request.path());
    return text + ' ' + (end ? api::grpc_status_name(end->code) : std::string("without status"));
}

} // namespace labctl::dataplane
