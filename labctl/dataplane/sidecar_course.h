#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "labctl/dataplane/http_course.h"
#include "labctl/dataplane/sidecar_pod.h"
#include "mesh/istio/retry.h"
#include "mesh/istio/traffic.h"

namespace labctl::dataplane {

/// A request that a VirtualService or a DestinationRule has something to say about: what
/// mesh/istio's values mean for it.
class SidecarCourse final : public HttpCourse {
public:
    using Given = SidecarGiven;

    /// `pod` outlives this.
    SidecarCourse(SidecarPod& pod, Given given, SidecarTarget target);
    SidecarCourse(const SidecarCourse&) = delete;
    SidecarCourse& operator=(const SidecarCourse&) = delete;
    ~SidecarCourse() override;

    [[nodiscard]] std::chrono::milliseconds delay() const override { return delay_; }
    [[nodiscard]] std::optional<HttpProxy::Refusal> answer() const override;
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
    [[nodiscard]] std::string flags() const override;

private:
    [[nodiscard]] Try one_try();
    void note_outcome(const UpstreamExchange::Failure* failure, const mesh::Response* head);
    void end_retry();

    SidecarPod& pod_;
    Given given_;
    SidecarTarget target_; // no Service: the destination is none
    std::shared_ptr<SidecarCluster> cluster_;
    std::optional<SidecarCluster::Waiting::iterator> waits_;
    mesh::istio::Retries retries_;
    mesh::istio::RetryConditions conditions_;
    std::chrono::milliseconds delay_{0};
    bool aborts_ = false;
    std::uint32_t tries_ = 0;
    bool retrying_ = false; // counted in the cluster
    bool exhausted_ = false;
    std::vector<netemu::Endpoint> tried_;
};

} // namespace labctl::dataplane
