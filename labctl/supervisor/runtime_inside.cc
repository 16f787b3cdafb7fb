#include <fcntl.h>
#include <unistd.h>

#include "labctl/api/status_error.h"
#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/pod_target.h"
#include "labctl/compile/pod_termination.h"
#include "labctl/compile/sidecar_objects.h"
#include "labctl/compile/topology.h"
#include "labctl/compile/underlay_names.h"
#include "labctl/supervisor/bgp.h"
#include "labctl/supervisor/pod_workload.h"
#include "labctl/supervisor/runtime.h"
#include "netemu/base/error.h"

/// Going into a pod or node, and what a pod has printed.
namespace labctl::supervisor {

using api::at;
using api::Json;
using api::string_at;

namespace {

std::string host_name_of(const std::string& ns) {
    return ns.starts_with("node/") ? ns.substr(5) : ns;
}

} // namespace

std::string Runtime::rootfs_of(const Json& pod) const {
    for (const auto& container : at(pod, "spec.containers")) {
        const auto* rule = compile::image_rule(parts_.config.images, container);
        if (rule != nullptr && !rule->rootfs.empty()) {
            return rule->rootfs.front() == '/' ? rule->rootfs
                                               : parts_.config.directory + "/" + rule->rootfs;
        }
    }
    return {};
}

SandboxSpec Runtime::sandbox_spec(
    const std::string& name,
    const std::string& ns,
    const PodFiles& files,
    const std::string& rootfs) const {
    SandboxSpec spec;
    spec.netns_fd = parts_.kernel.namespace_fd(ns);
    spec.hostname = files.hostname;
    spec.resolv_conf = files.resolv_conf;
    spec.hosts = files.hosts;
    spec.rootfs = rootfs;
    spec.hide_dir = parts_.run_dir;
    const auto bird = Bgp::directory(parts_.run_dir, name);
    if (parts_.config.bgp && ::access(bird.c_str(), F_OK) == 0) {
        spec.bird_dir = bird;
    }
    return spec;
}

Sandbox& Runtime::sandbox(
    const std::string& name,
    const std::string& ns,
    const PodFiles& files,
    const std::string& rootfs) {
    auto& entry = sandboxes_[name];
    if (!entry) {
        try {
            entry = std::make_unique<Sandbox>(
                parts_.loop, sandbox_spec(name, ns, files, rootfs), [this, name] {
                    sandbox_gone(name);
                });
            entry->finish();
        } catch (...) {
            sandboxes_.erase(name);
            throw;
        }
    }
    return *entry;
}

void Runtime::make_host_sandboxes(const std::vector<std::string>& names) {
    std::vector<std::pair<std::string, std::unique_ptr<Sandbox>>> fresh;
    for (const auto& ns : names) {
        if (!sandboxes_.contains(ns)) {
            const auto files = machine_files(host_name_of(ns));
            fresh.emplace_back(
                ns,
                std::make_unique<Sandbox>(parts_.loop, sandbox_spec(ns, ns, files, {}), [this, ns] {
                    sandbox_gone(ns);
                }));
        }
    }
    for (auto& [ns, box] : fresh) {
        box->finish();
        sandboxes_[ns] = std::move(box);
    }
}

/// Somebody has killed process 1 of it, and all that ran there is gone, too.
void Runtime::sandbox_gone(const std::string& name) {
    sandboxes_.erase(name);
    if (sandbox_gone_) {
        sandbox_gone_(name);
    }
    for (const auto& [key, pod] : pods_) {
        if (pod.process && pod_namespace(key) == name) {
            pod.process->killed();
            return;
        }
    }
}

Sandbox& Runtime::host_sandbox(const std::string& ns) {
    return sandbox(ns, ns, machine_files(host_name_of(ns)), {});
}

/// Names and resolver of what is no pod: a node, a device of the underlay, or the outside.
PodFiles Runtime::machine_files(const std::string& name) const {
    auto files = host_files(name, parts_.dns);
    files.hosts += compile::underlay_hosts(parts_.config);
    return files;
}

/// Whether that is a switch, router or host of the lab's topology.
bool Runtime::is_device(const std::string& target) const {
    const auto& topology = parts_.config.topology;
    const auto* device = topology ? topology->find_ns(target) : nullptr;
    return device != nullptr && device->kind != compile::DeviceKind::Node;
}

Runtime::Entry Runtime::enter(const std::string& target, const std::string& default_ns) {
    Entry entry;
    PodFiles files;
    std::string name = target;
    std::string ns = target;
    std::string rootfs;
    if (target == "external") {
        files = machine_files("external");
    } else if (is_device(target)) {
        files = machine_files(target.substr(target.find('/') + 1));
    } else if (target.starts_with("node/")) {
        const auto node = parts_.store.get({"Node", "", target.substr(5)});
        if (!node) {
            throw api::StatusError::not_found("nodes", target.substr(5));
        }
        files = machine_files(node->name());
    } else {
        const auto pod = compile::find_pod_target(parts_.store, target, default_ns);
        if (!pod) {
            throw api::StatusError::not_found(
                "pods", target.starts_with("pod/") ? target.substr(4) : target);
        }
        const auto key = pod->key();
        if (!runnable(*pod)) {
            throw api::StatusError(
                409,
                "Conflict",
                "pod " + key.ns + "/" + key.name + " is not running (" +
                    string_at(pod->body, "status.phase", "Pending") + ")");
        }
        name = pod_namespace(key);
        ns = network_namespace(*pod);
        files = pod_files(pod->body, parts_.dns);
        rootfs = rootfs_of(pod->body);
        const auto& containers = api::at(pod->body, "spec.containers");
        if (!containers.empty()) {
            entry.environment = pod_environment(pod->body, containers[0]);
        }
    }
    auto& box = sandbox(name, ns, files, rootfs);
    entry.hostname = files.hostname;
    entry.warnings = box.warnings();
    entry.pidfd.reset(
        netemu::check_syscall("duplicate a descriptor", ::fcntl(box.pidfd(), F_DUPFD_CLOEXEC, 3)));
    return entry;
}

/// Of a pod that runs no more, or has not run yet.
void Runtime::send_ended_log(
    const api::ObjectKey& key, int lines, const ExchangePtr& exchange) const {
    const auto object = parts_.store.get(key);
    if (const auto* text = ended_logs_.find(key)) {
        LogBuffer log;
        log.append(*text);
        exchange->send_text(log.tail(lines));
    } else if (
        object && workload_of(object->body) == Workload::Process &&
        string_at(object->body, "status.phase", "Pending") != "Pending") {
        exchange->send_text(
            "[labctl: what this command has printed is not kept any more: of commands that have "
            "ended there are the last " +
            std::to_string(EndedLogs::kLogsMax) + " logs, " +
            std::to_string(EndedLogs::kBytesMax >> 20U) +
            " MiB at most, and none of an earlier life of the lab]\n");
    }
    exchange->finish();
}

void Runtime::logs(
    const api::ObjectKey& key,
    const std::string& container,
    int lines,
    bool follow,
    const ExchangePtr& exchange) {
    const auto found = pods_.find(key);
    if (found == pods_.end()) {
        send_ended_log(key, lines, exchange);
        return;
    }
    const bool of_sidecar =
        container == compile::kSidecarContainer || container == compile::kLinkerdContainer;
    if (of_sidecar || !found->second.process) {
        parts_.dataplane.logs(
            key.ns + "/" + key.name,
            lines < 0 ? 0 : static_cast<std::size_t>(lines),
            [exchange](const std::vector<std::string>& text) {
                for (const auto& line : text) {
                    exchange->send_text(line + "\n");
                }
                exchange->finish();
            },
            of_sidecar ? dataplane::DataPlane::LogOf::Sidecar
                       : dataplane::DataPlane::LogOf::Workload);
        return;
    }
    auto& buffer = found->second.process->logs();
    exchange->send_text(buffer.tail(lines));
    if (!follow) {
        exchange->finish();
        return;
    }
    const std::weak_ptr<Exchange> weak = exchange;
    const auto id = buffer.follow([weak](std::string_view text) {
        if (const auto stream = weak.lock()) {
            text.empty() ? stream->finish() : stream->send_text(text);
        }
    });
    exchange->on_disconnect([this, key, id] { unfollow(key, id); });
}

std::optional<std::size_t>
Runtime::follow(const api::ObjectKey& key, LogBuffer::Follower follower) {
    const auto pod = pods_.find(key);
    if (pod == pods_.end() || !pod->second.process) {
        return std::nullopt;
    }
    return pod->second.process->logs().follow(std::move(follower));
}

void Runtime::unfollow(const api::ObjectKey& key, std::size_t id) {
    const auto pod = pods_.find(key);
    if (pod != pods_.end() && pod->second.process) {
        pod->second.process->logs().unfollow(id);
    }
}

} // namespace labctl::supervisor
