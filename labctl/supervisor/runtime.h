#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/compile/cluster.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/dataplane/client.h"
#include "labctl/store/store.h"
#include "labctl/supervisor/api_server.h"
#include "labctl/supervisor/ended_logs.h"
#include "labctl/supervisor/node_caches.h"
#include "labctl/supervisor/pod_files.h"
#include "labctl/supervisor/process_pod.h"
#include "labctl/supervisor/sandbox.h"
#include "labctl/supervisor/terminations.h"
#include "netemu/base/event_loop.h"
#include "netemu/kernel/kernel.h"

namespace labctl::supervisor {

/// What runs in the pods: the built-in workload or DNS in the data plane, or real commands in
/// sandboxes.
/// Keeps the running things equal to the pods of the store and says what became of them.
class Runtime {
public:
    using Report =
        std::function<void(const api::ObjectKey& pod, const compile::RuntimeState& state)>;

    struct Parts {
        netemu::EventLoop& loop;
        const store::Store& store;
        const compile::ClusterConfig& config;
        netemu::Kernel& kernel;
        dataplane::DataPlane& dataplane;
        std::string run_dir; // hidden from sandboxes
        ClusterDns dns;
        NodeCaches::Warn bad_corefile; // of a node's cache
    };

    /// `ended`: a terminating pod is at its end.
    Runtime(Parts parts, Report report, Terminations::Ended ended);
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;
    ~Runtime();

    /// Lets go of what the pods that are gone held in their namespaces. After the network was
    /// changed, and before start_new.
    void stop_gone();
    /// Starts what is not started yet. After the network was changed.
    void start_new();
    /// On which ports coredns pods answer over HTTP; their readiness probes ask there.
    void set_dns_ports(const std::vector<std::uint16_t>& ports);

    /// A descriptor of process 1 of the sandbox of a pod, node or "external"; made if there is none
    /// yet.
    struct Entry {
        netemu::UniqueFd pidfd;
        std::string hostname;
        std::map<std::string, std::string> environment;
        std::vector<std::string> warnings;
    };
    Entry enter(const std::string& target, const std::string& default_ns);

    /// The sandbox of a node or of "external", by its network namespace; made if there is none.
    /// Throws netemu::Error.
    Sandbox& host_sandbox(const std::string& ns);
    /// Makes those of many namespaces at the same time. Throws netemu::Error.
    void make_host_sandboxes(const std::vector<std::string>& names);
    /// Called with the namespace of such a sandbox when somebody has killed its process 1.
    void on_sandbox_gone(std::function<void(const std::string& ns)> callback) {
        sandbox_gone_ = std::move(callback);
    }

    void logs(
        const api::ObjectKey& key,
        const std::string& container,
        int lines,
        bool follow,
        const ExchangePtr& exchange);

    /// What the pod's own command prints from now on, until `unfollow` or the pod's end; nullopt if
    /// it runs none.
    std::optional<std::size_t> follow(const api::ObjectKey& key, LogBuffer::Follower follower);
    void unfollow(const api::ObjectKey& key, std::size_t id);

    /// Pods that are being started: scheduled, with a network, and not yet known to serve or to
    /// have failed.
    [[nodiscard]] std::size_t starting() const;

private:
    enum class Workload { BuiltIn, Idle, Finished, Process };
    struct Pod {
        std::string uid;
        Workload workload = Workload::BuiltIn;
        bool starting = true;
        bool ready_override = true; // as the user set it
        std::unique_ptr<ProcessPod> process;
    };

    [[nodiscard]] Workload workload_of(const api::Json& pod) const;
    void start(const api::Object& object);
    [[nodiscard]] bool has_sidecar(const api::Object& pod) const;
    [[nodiscard]] dataplane::WorkloadSpec spec_of(const api::Object& pod) const;
    void send_ended_log(const api::ObjectKey& key, int lines, const ExchangePtr& exchange) const;
    void serve_sidecar_alone(const api::Object& object);
    void start_builtin(const api::Object& object);
    void start_process(const api::Object& object, Pod& pod);
    void follow_ready(const api::Object& object, Pod& pod);
    void process_changed(const api::ObjectKey& key, const ProcessState& state);
    void terminate(const api::ObjectKey& key);
    void served(const api::ObjectKey& key);
    void keep_log(const api::ObjectKey& key);
    void stop(const api::ObjectKey& key);
    Sandbox& sandbox(
        const std::string& name,
        const std::string& ns,
        const PodFiles& files,
        const std::string& rootfs);
    [[nodiscard]] SandboxSpec sandbox_spec(
        const std::string& name,
        const std::string& ns,
        const PodFiles& files,
        const std::string& rootfs) const;
    void sandbox_gone(const std::string& name);
    [[nodiscard]] PodFiles machine_files(const std::string& name) const;
    [[nodiscard]] std::string rootfs_of(const api::Json& pod) const;
    [[nodiscard]] bool is_device(const std::string& target) const;

    Parts parts_;
    Report report_;
    std::map<api::ObjectKey, Pod> pods_;
    EndedLogs ended_logs_;
    /// By pod_namespace, "node/NAME" or "external". Pods on their node's network have their own.
    std::map<std::string, std::unique_ptr<Sandbox>> sandboxes_;
    std::vector<dataplane::WorkloadSpec> to_serve_;
    std::function<void(const std::string&)> sandbox_gone_;
    Terminations terminations_;
    std::vector<std::uint16_t> dns_ports_;
    NodeCaches node_caches_;
};

} // namespace labctl::supervisor
