#include "labctl/dataplane/gateway_course.h"

#include <utility>

#include "mesh/http/forward.h"
#include "mesh/istio/traffic.h"

namespace labctl::dataplane {
namespace {

std::vector<mesh::Header> mesh_fields(const std::vector<services::GatewayHeader>& fields) {
    std::vector<mesh::Header> result;
    result.reserve(fields.size());
    for (const auto& field : fields) {
        result.push_back({field.name, field.value});
    }
    return result;
}

} // namespace

void edit_gateway_headers(mesh::Headers& headers, const services::GatewayHeaderEdits& edits) {
    if (!edits.empty()) {
        mesh::istio::edit_headers(
            headers, {mesh_fields(edits.set), mesh_fields(edits.add), edits.remove});
    }
}

void change_gateway_request(
    mesh::Request& head,
    const services::GatewayRule& rule,
    const services::GatewayShare& share,
    const services::GatewayMatch& match) {
    if (rule.rewrite) {
        head.target = services::gateway_edited_target(rule.rewrite->path, match, head.target);
        if (!rule.rewrite->host.empty()) {
            head.headers.set("host", rule.rewrite->host);
        }
    }
    edit_gateway_headers(head.headers, rule.request);
    edit_gateway_headers(head.headers, share.request);
}

GatewayCourse::GatewayCourse(GatewayPod& pod, Given given) : pod_(pod), given_(std::move(given)) {
}

GatewayCourse::~GatewayCourse() = default;

HttpCourse::Limits GatewayCourse::limits() const {
    Limits limits;
    limits.all = given_.rule->timeout;
    limits.each = given_.rule->backend_timeout;
    return limits;
}

HttpProxy::Refusal GatewayCourse::out_of_time(bool of_one_try) const {
    const auto limit = of_one_try ? given_.rule->backend_timeout : given_.rule->timeout;
    return {
        504,
        std::string("no answer within timeouts.") + (of_one_try ? "backendRequest" : "request") +
            ", " + std::to_string(limit.count()) + " ms"};
}

void GatewayCourse::next(std::function<void(Try)> go) {
    Try made;
    made.candidates = pod_.turn(*given_.backend);
    go(std::move(made));
}

void GatewayCourse::prepare(mesh::Request& /*head*/) const {
}

std::optional<std::chrono::milliseconds> GatewayCourse::again(
    const UpstreamExchange::Failure* /*failure*/,
    const mesh::Response* /*head*/,
    bool /*repeatable*/) {
    return std::nullopt; // endpoints that do not accept are passed over all the same
}

void GatewayCourse::edit_answer(mesh::Response& head) const {
    edit_gateway_headers(head.headers, given_.share->response);
    edit_gateway_headers(head.headers, given_.rule->response);
}

void GatewayCourse::request_complete(const mesh::Request& request) {
    for (const auto& mirror : given_.rule->mirrors) {
        pod_.mirror(*given_.rules, mirror, request);
    }
}

} // namespace labctl::dataplane
