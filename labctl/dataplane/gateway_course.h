#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "labctl/dataplane/gateway_pod.h"
#include "labctl/dataplane/http_course.h"

namespace labctl::dataplane {

/// Sets, adds, removes. Host is left alone.
void edit_gateway_headers(mesh::Headers& headers, const services::GatewayHeaderEdits& edits);
/// The request as the rule's filters, and then those of the backend, want it.
void change_gateway_request(
    mesh::Request& head,
    const services::GatewayRule& rule,
    const services::GatewayShare& share,
    const services::GatewayMatch& match);

/// A request at a Gateway whose rule says more than where it goes: time limits, mirrors, fields of
/// the answer.
class GatewayCourse final : public HttpCourse {
public:
    struct Given {
        std::shared_ptr<const GatewayRules> rules; // that the others are of
        const services::GatewayRule* rule = nullptr;
        const services::GatewayShare* share = nullptr;
        const services::IngressBackend* backend = nullptr;
    };
    /// `pod` outlives this.
    GatewayCourse(GatewayPod& pod, Given given);
    GatewayCourse(const GatewayCourse&) = delete;
    GatewayCourse& operator=(const GatewayCourse&) = delete;
    ~GatewayCourse() override;

    [[nodiscard]] std::chrono::milliseconds delay() const override { return {}; }
    [[nodiscard]] std::optional<HttpProxy::Refusal> answer() const override { return {}; }
    [[nodiscard]] Limits limits() const override;
    [[nodiscard]] HttpProxy::Refusal out_of_time(bool of_one_try) const override;
    void next(std::function<void(Try)> go) override;
    void prepare(mesh::Request& head) const override;
    [[nodiscard]] std::optional<std::chrono::milliseconds> again(
        const UpstreamExchange::Failure* failure,
        const mesh::Response* head,
        bool repeatable) override;
    void edit_answer(mesh::Response& head) const override;
    void request_complete(const mesh::Request& request) override;
    [[nodiscard]] std::string flags() const override { return {}; }

private:
    GatewayPod& pod_;
    Given given_;
};

} // namespace labctl::dataplane
