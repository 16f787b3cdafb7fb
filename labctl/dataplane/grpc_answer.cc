#include "labctl/dataplane/grpc_answer.h"

#include <array>

#include "labctl/dataplane/probe_tasks.h"
#include "labctl/dataplane/wire.h"
#include "labctl/dataplane/workload.h"
#include "mesh/http/grpc.h"

namespace labctl::dataplane {
namespace {

constexpr int kGrpcAnswerUnknown = 2;
constexpr int kGrpcAnswerInternal = 13;

/// Of an answer that has no status of gRPC.
mesh::GrpcEnd end_without_status(const mesh::Response& head) {
    constexpr int kHttpOk = 200;
    if (head.status != kHttpOk) {
        return {
            mesh::grpc_code_of_http(head.status),
            "HTTP status " + std::to_string(head.status) + " " +
                std::string(mesh::reason_phrase(head.status)) + ", and none of gRPC"};
    }
    if (!mesh::has_grpc_content_type(head.headers)) {
        return {
            kGrpcAnswerUnknown,
            "no answer of gRPC: its content-type is \"" +
                std::string(head.headers.get("content-type")) + '"'};
    }
    return {kGrpcAnswerInternal, "the answer ended without a status"};
}

/// What a HealthCheckResponse says (grpc/health/v1/health.proto): field 1, an enumeration. "" for
/// what is none.
std::string health_of(std::string_view message) {
    constexpr std::array<const char*, 4> kNames{
        "UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
    constexpr char kStatusField = 0x08;
    if (message.empty()) {
        return kNames[0]; // the default of what is not sent
    }
    const auto status = message.size() == 2 && message[0] == kStatusField
                            ? static_cast<unsigned char>(message[1])
                            : kNames.size();
    return status < kNames.size() ? kNames.at(status) : "";
}

} // namespace

void note_grpc_answer(const GrpcAnswer& answer, std::string_view path, ProbeOutcome& outcome) {
    auto& http = outcome.http.emplace();
    http.status = answer.head.status;
    add_fields(answer.head.headers, http.headers);
    add_fields(answer.trailers, http.headers);
    http.headers.erase("transfer-encoding"); // which HTTP/2 has none of

    auto end = mesh::read_grpc_end(answer.trailers);
    end = end ? end : mesh::read_grpc_end(answer.head.headers);
    end = end ? end : end_without_status(answer.head);
    const auto body = mesh::read_grpc_body(answer.body);
    const bool broken = body.malformed && !answer.cut;
    if (end->code == 0 && broken) {
        end = mesh::GrpcEnd{kGrpcAnswerInternal, "the answer is not made of gRPC's messages"};
    }
    if (broken) {
        http.body = answer.body;
    }
    for (const auto message : body.messages) {
        http.body.append(broken ? std::string_view() : message);
    }
    auto& grpc = outcome.grpc.emplace();
    grpc.status = end->code;
    grpc.message = end->message.substr(0, kGrpcMessageKept);
    if (end->code == 0 && path == probe::kGrpcHealthCheck && body.messages.size() == 1) {
        grpc.health = health_of(body.messages.front());
    }
    const auto& head = answer.head.headers;
    note_identity(head.get(kBackendField), head.get(kClientField), outcome);
}

} // namespace labctl::dataplane
