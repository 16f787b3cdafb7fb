#include <fcntl.h>
#include <sys/stat.h>

#include "labctl/api/naming.h"
#include "labctl/api/status_error.h"
#include "labctl/cni/error.h"
#include "labctl/cni/version.h"
#include "labctl/compile/network.h"
#include "labctl/compile/pod_dns.h"
#include "labctl/manifest/read.h"
#include "labctl/supervisor/attachments.h"
#include "labctl/supervisor/cni_calls.h"
#include "labctl/supervisor/cni_runtime.h"
#include "labctl/supervisor/lab.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

/// labctl as a CNI plugin: containers of other runtimes as pods of the lab.
namespace labctl::supervisor {

using api::Json;
using cni::CniError;
using cni::Code;

namespace {

std::uint64_t inode_of(const netemu::UniqueFd& netns) {
    struct stat info {};
    netemu::check_syscall("look at the container's namespace", ::fstat(netns.get(), &info));
    return info.st_ino;
}

netemu::UniqueFd copy_of(const netemu::UniqueFd& fd) {
    return netemu::UniqueFd(
        netemu::check_syscall("duplicate a descriptor", ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)));
}

/// The error of a call as its answer has it, whoever has refused it.
Json error_answer(const std::exception& error, const std::string& version) {
    if (const auto* cni = dynamic_cast<const CniError*>(&error)) {
        return cni->to_json(version);
    }
    const auto* known = dynamic_cast<const netemu::Error*>(&error);
    const bool refused = known != nullptr && known->exit_code() == netemu::ExitCode::Usage;
    return CniError(
               refused ? Code::InvalidConfig : Code::Internal,
               error.what(),
               known != nullptr ? known->hint() : std::string{})
        .to_json(version);
}

/// The node that a request means. Throws CniError when there is none of that name.
std::string node_of(const cni::Request& request, const compile::ClusterConfig& config) {
    std::vector<std::string> names;
    for (const auto& node : config.nodes) {
        names.push_back(node.name);
        if (node.name == request.config.node) {
            return node.name;
        }
    }
    if (names.empty() || !request.config.node.empty()) {
        throw CniError(
            Code::InvalidConfig,
            "node: lab '" + config.name + "' has no node '" + request.config.node + "'",
            names.empty() ? "it has no nodes at all" : "it has " + netemu::join(names, ", "));
    }
    return names.front();
}

cni::Dns pod_dns(const api::Object& pod, const compile::ClusterConfig& config) {
    const auto conf = compile::pod_resolv_conf(pod.body, compile::cluster_dns(config));
    cni::Dns dns;
    dns.nameservers = conf.nameservers;
    dns.search = conf.searches;
    dns.domain = config.cluster_domain;
    dns.options = conf.options;
    return dns;
}

} // namespace

Json Lab::serve_cni(const Json& question, const std::vector<netemu::UniqueFd>& fds) {
    const auto begin = netemu::Clock::now();
    CniCall call;
    call.plugin = "labctl";
    call.time = api::timestamp_now();
    call.environment = question.at("environment").get<cni::Environment>();
    call.input = question.at("config").get<std::string>();
    Json answer;
    try {
        const auto request = cni::read_request(call.environment, call.input);
        call.node = request.config.node;
        if (const auto* known = attachments_->find(request)) {
            call.pod = known->pod.ns + "/" + known->pod.name;
        }
        answer["result"] = answer_cni(request, fds);
        if (const auto* known = attachments_->find(request)) {
            call.pod = known->pod.ns + "/" + known->pod.name;
        }
    } catch (const std::exception& error) {
        answer = {{"error", error_answer(error, cni::answer_version(call.input))}};
        call.status = 1;
    }
    call.output = answer.front().is_null() ? "" : answer.front().dump();
    call.micros = netemu::micros_since(begin);
    cni_calls_->add(std::move(call));
    return answer;
}

Json Lab::answer_cni(const cni::Request& request, const std::vector<netemu::UniqueFd>& fds) {
    const auto netns = [&]() -> const netemu::UniqueFd& {
        if (fds.size() != 1) {
            throw netemu::UsageError("the request has no network namespace with it");
        }
        return fds.front();
    };
    switch (request.command) {
    case cni::Command::Add:
        return attach(request, netns());
    case cni::Command::Delete:
        if (const auto* known = attachments_->find(request)) {
            detach({known->pod});
        }
        return {};
    case cni::Command::Check:
        check_attached(request, netns());
        return {};
    case cni::Command::Collect:
        detach(attachments_->gone(request));
        return {};
    case cni::Command::Status:
        (void)node_of(request, cluster_->config());
        return {};
    case cni::Command::Version:
        break;
    }
    return cni::version_answer("{}");
}

Json Lab::attach(const cni::Request& request, const netemu::UniqueFd& netns) {
    const auto node = node_of(request, cluster_->config());
    if (cni_) {
        throw CniError(
            Code::InvalidConfig,
            "lab: '" + paths_.name +
                "' has its pods wired by a conflist, and gives out no addresses",
            "a lab with a CNI profile does");
    }
    if (attachments_->find(request) != nullptr) {
        throw CniError(
            Code::AlreadyThere,
            "container " + request.container + " is attached to network " + request.config.name +
                " by " + request.interface + " already");
    }
    refuse_own(netns);
    const auto key = attachments_->pod_for(request);
    if (store_.get(key)) {
        throw CniError(
            Code::AlreadyThere,
            "the lab has a pod " + key.ns + "/" + key.name + " already",
            "CNI_ARGS can name another one: K8S_POD_NAMESPACE=...;K8S_POD_NAME=...");
    }
    auto pod = attached_pod(request, key, node);
    (void)manifest::complete_object(pod);
    const auto ns = compile::pod_namespace(key.ns, key.name);
    try {
        kernel_->adopt_namespace(ns, copy_of(netns));
    } catch (const netemu::SysError& error) {
        throw CniError(
            Code::NotPermitted,
            std::string("the container's namespace cannot be entered: ") + error.what(),
            "a lab of an ordinary user can attach only what its own user namespace, or one below "
            "it, has made; a lab of root can attach everything");
    }
    observed_.namespaces[ns] = {}; // whatever is in it is not ours
    try {
        const Attachment attachment{
            key,
            {},
            request.config.name,
            request.container,
            inode_of(netns),
            free_link(ns, request.interface, kernel_->observe_namespace(ns))};
        attachments_->add(attachment);
        attachments_->set_uid(key, cluster_->create_object(pod)->uid());
        sync();
        const auto stored = store_.get(key);
        if (!stored || api::at(stored->body, "status.podIPs").empty()) {
            throw CniError(
                Code::TryAgainLater, "the node has no address for the container", pod_problem(key));
        }
        auto result = attachment_result(
            attachment,
            desired_state(),
            node,
            paths_.netns_dir + "/" + paths_.netns_prefix + node,
            request.netns);
        result.dns = pod_dns(*stored, cluster_->config());
        if (request.config.previous.is_object()) {
            result = cni::append(cni::read_result(request.config.previous), std::move(result));
        }
        return cni::to_json(result, request.config.version);
    } catch (...) {
        detach({key});
        throw;
    }
}

std::string Lab::pod_problem(const api::ObjectKey& key) const {
    const auto pending = pending_pods();
    const auto found = pending.find(key.ns + "/" + key.name);
    return found == pending.end() ? std::string{} : found->second;
}

/// A node, or a pod that the lab has made, is no container.
void Lab::refuse_own(const netemu::UniqueFd& netns) const {
    const auto wanted = inode_of(netns);
    for (const auto& [name, info] : observed_.namespaces) {
        struct stat own {};
        if (!attachments_->is_container(name) && ::fstat(kernel_->namespace_fd(name), &own) == 0 &&
            own.st_ino == wanted) {
            throw CniError(
                Code::InvalidEnvironment, "CNI_NETNS: that is " + name + " of the lab itself");
        }
    }
}

/// The pods go, and with them what the lab has in the containers' namespaces.
void Lab::detach(const std::vector<api::ObjectKey>& pods) {
    if (pods.empty()) {
        return;
    }
    for (const auto& key : pods) {
        if (store_.get(key)) {
            cluster_->delete_object(key, compile::Propagation::Background, 0);
        }
    }
    network_dirty_ = true; // an attempt that failed early has left a namespace and no pod
    sync();
}

void Lab::check_attached(const cni::Request& request, const netemu::UniqueFd& netns) {
    const auto* known = attachments_->find(request);
    if (known == nullptr) {
        throw CniError(
            Code::ContainerUnknown,
            "container " + request.container + " is not attached to network " +
                request.config.name + " by " + request.interface);
    }
    if (inode_of(netns) != known->netns) {
        throw CniError(Code::Disagreement, "CNI_NETNS: not the namespace that ADD has attached");
    }
    auto observed = kernel_->observe_namespace(known->link.ns);
    compile::forget_foreign(known->link.name, observed);
    const auto desired = desired_state();
    check_attachment(
        *known, desired.namespaces.at(known->link.ns), observed, request.config.previous);
}

/// Nothing can lead back to the containers of a lab that was down: their namespaces were known by
/// descriptors. They have lost the interface, too.
void Lab::forget_lost_attachments(const Step& step) {
    take_off_plugin_addresses(store_);
    for (const auto& pod : store_.list("Pod")) {
        const auto annotations = pod->annotations();
        const auto container = annotations.find(kCniContainer);
        if (container == annotations.end()) {
            continue;
        }
        store_.remove(pod->key());
        step(
            "WARNING: container " + container->second + " (pod " + pod->ns() + "/" + pod->name() +
                ") is not attached any more: its runtime has to call ADD again",
            0);
    }
}

} // namespace labctl::supervisor
