#include "labctl/supervisor/cni_runtime.h"

#include <algorithm>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include "labctl/api/naming.h"
#include "labctl/cni/capabilities.h"
#include "labctl/cni/error.h"
#include "labctl/compile/network.h"
#include "labctl/compile/network_view.h"
#include "labctl/store/store.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"
#include "netemu/base/text.h"

namespace labctl::supervisor {

using api::at;
using api::Json;
using api::string_at;

namespace {

constexpr std::size_t kPluginsAtOnceMax = 4;
constexpr unsigned kRestDoublingsMax = 5; // 1 s, 2 s, ... 32 s between attempts

/// The message of an error result, or what else the program said.
std::string words_of(const CniProcessEnd& end) {
    const auto json = Json::parse(end.out, nullptr, false);
    auto words = json.is_object() ? string_at(json, "msg") : std::string{};
    if (const auto details = json.is_object() ? string_at(json, "details") : std::string{};
        !details.empty()) {
        words += (words.empty() ? "" : ": ") + details;
    }
    if (json.is_object() && json.contains("code")) {
        words += " (code " + json["code"].dump() + ")";
    }
    if (words.empty()) {
        words = std::string(netemu::trim(end.err.empty() ? end.out : end.err));
    }
    return words.empty() ? "it ended with status " + std::to_string(end.status) : words;
}

} // namespace

void CniRuntime::require_plugins(const cni::Conflist& list, const std::string& bin_dir) {
    std::vector<std::string> missing;
    const auto need = [&](const std::string& type) {
        if (!type.empty() && ::access((bin_dir + "/" + type).c_str(), X_OK) != 0 &&
            std::find(missing.begin(), missing.end(), type) == missing.end()) {
            missing.push_back(type);
        }
    };
    for (const auto& plugin : list.plugins) {
        need(string_at(plugin, "type"));
        need(string_at(plugin, "ipam.type"));
    }
    if (!missing.empty()) {
        throw netemu::UnsupportedError(
            "spec.cni.conflist: " + bin_dir + " has no plugin " + netemu::join(missing, ", "),
            "apt-get install containernetworking-plugins, or name the place of others in "
            "spec.cni.binDir");
    }
}

CniRuntime::~CniRuntime() {
    for (auto& [uid, pod] : pods_) {
        if (pod.timer != 0) {
            parts_.loop.cancel(pod.timer);
        }
    }
    if (removal_timer_ != 0) {
        parts_.loop.cancel(removal_timer_);
    }
}

void CniRuntime::follow() {
    if (all_removed_) {
        return; // the lab is on its way down
    }
    for (const auto& object : parts_.store.list("Pod")) {
        const auto ns = compile::pod_namespace(object->ns(), object->name());
        if (!pods_.contains(object->uid()) && parts_.kernel.namespace_fd(ns) >= 0 &&
            !is_letting_go(object->key())) {
            begin(*object);
        }
    }
    for (auto& [uid, pod] : pods_) {
        const auto object = parts_.store.get(pod.key);
        const bool there = object && object->uid() == uid;
        const auto ns = compile::pod_namespace(pod.key.ns, pod.key.name);
        if (!pod.doomed && (!there || parts_.kernel.namespace_fd(ns) < 0)) {
            doom(pod);
        }
    }
    start_next();
}

/// A pod of the same name, in the same namespace, that is not gone yet.
bool CniRuntime::is_letting_go(const api::ObjectKey& key) const {
    return std::any_of(
        pods_.begin(), pods_.end(), [&](const auto& entry) { return entry.second.key == key; });
}

void CniRuntime::begin(const api::Object& object) {
    const auto ns = compile::pod_namespace(object.ns(), object.name());
    auto& pod = pods_[object.uid()];
    pod.key = object.key();
    pod.uid = object.uid();
    pod.node = string_at(object.body, "spec.nodeName");
    pod.capabilities = cni::capability_arguments(object.body);
    pod.netns.reset(netemu::check_syscall(
        "duplicate a descriptor", ::fcntl(parts_.kernel.namespace_fd(ns), F_DUPFD_CLOEXEC, 3)));
    enqueue(pod, Phase::Adding);
}

/// What runs comes to its end first.
void CniRuntime::doom(Pod& pod) {
    pod.doomed = true;
    if (pod.timer != 0) {
        parts_.loop.cancel(std::exchange(pod.timer, 0));
    }
    const bool queued = std::find(queue_.begin(), queue_.end(), pod.uid) != queue_.end();
    if (!pod.process && !queued) {
        enqueue(pod, Phase::Deleting);
    } else if (queued && pod.phase == Phase::Adding) {
        pod.phase = Phase::Deleting; // it has not begun
        pod.position = parts_.list.plugins.size() - 1;
    }
}

void CniRuntime::enqueue(Pod& pod, Phase phase) {
    pod.phase = phase;
    pod.position = phase == Phase::Adding ? 0 : parts_.list.plugins.size() - 1;
    queue_.push_back(pod.uid);
}

void CniRuntime::start_next() {
    while (running_ < kPluginsAtOnceMax && !queue_.empty()) {
        const auto uid = queue_.front();
        queue_.pop_front();
        if (const auto found = pods_.find(uid); found != pods_.end()) {
            run_plugin(found->second);
        }
    }
    if (all_removed_ && pods_.empty()) {
        if (removal_timer_ != 0) {
            parts_.loop.cancel(std::exchange(removal_timer_, 0));
        }
        std::exchange(all_removed_, nullptr)();
    }
}

cni::Environment CniRuntime::environment(const Pod& pod) const {
    auto container = pod.uid;
    std::erase(container, '-');
    std::string arguments = "IgnoreUnknown=1;K8S_POD_NAMESPACE=" + pod.key.ns +
                            ";K8S_POD_NAME=" + pod.key.name +
                            ";K8S_POD_INFRA_CONTAINER_ID=" + container + ";K8S_POD_UID=" + pod.uid;
    const auto preferred = preferred_.find(pod.uid);
    if (pod.phase == Phase::Adding && preferred != preferred_.end() && pod.failures == 0) {
        arguments += ";IP=" + preferred->second;
    }
    return {
        {"CNI_COMMAND", pod.phase == Phase::Adding ? "ADD" : "DEL"},
        {"CNI_CONTAINERID", container},
        {"CNI_NETNS", parts_.fds + std::to_string(pod.netns.get())},
        {"CNI_IFNAME", compile::kEth0},
        {"CNI_ARGS", arguments},
        {"CNI_PATH", parts_.bin_dir}};
}

std::string CniRuntime::plugin_path(const Pod& pod) const {
    return parts_.bin_dir + "/" + string_at(parts_.list.plugins.at(pod.position), "type");
}

std::string CniRuntime::input_of(const Pod& pod) const {
    cni::PluginPlace place;
    if (const auto node = parts_.store.get({"Node", "", pod.node})) {
        for (const auto& entry : at(node->body, "spec.podCIDRs")) {
            if (const auto range = netemu::IpPrefix::parse(entry.get<std::string>())) {
                place.ranges.push_back(*range);
            }
        }
    }
    place.data_dir = parts_.data_dir + "/" + pod.node;
    place.capability_arguments = pod.capabilities;
    return cni::plugin_input(parts_.list, pod.position, place, pod.result).dump(2);
}

void CniRuntime::run_plugin(Pod& pod) {
    CniCall call;
    call.pod = pod.key.ns + "/" + pod.key.name;
    call.node = pod.node;
    call.plugin = plugin_path(pod);
    call.environment = environment(pod);
    call.input = input_of(pod);
    call.time = api::timestamp_now();
    CniProcessSpec spec;
    spec.netns_fd = parts_.kernel.namespace_fd(compile::node_namespace(pod.node));
    spec.program = call.plugin;
    spec.environment = call.environment;
    const char* path = std::getenv("PATH"); // NOLINT(concurrency-mt-unsafe)
    spec.environment["PATH"] = std::string(path == nullptr ? "/usr/bin:/bin" : path) +
                               ":/usr/sbin:/sbin"; // where the plugins look for iptables
    spec.input = call.input;
    ++running_;
    try {
        pod.process = std::make_unique<CniProcess>(
            parts_.loop, spec, [this, uid = pod.uid, call](CniProcessEnd end) {
                plugin_ended(uid, call, std::move(end));
            });
    } catch (const netemu::Error& error) {
        parts_.loop.after(
            std::chrono::microseconds(0),
            [this, uid = pod.uid, call, text = std::string(error.what())] {
                plugin_ended(uid, call, {-1, {}, text, 0});
            });
    }
}

void CniRuntime::plugin_ended(const std::string& uid, const CniCall& call, CniProcessEnd end) {
    --running_;
    auto record = call;
    record.output = end.out;
    record.errors = end.err;
    record.status = end.status;
    record.micros = end.micros;
    parts_.calls.add(std::move(record));
    if (const auto found = pods_.find(uid); found != pods_.end()) {
        auto& pod = found->second;
        pod.process.reset();
        pod.phase == Phase::Adding ? add_ended(pod, end) : delete_ended(pod, end);
    }
    start_next();
}

void CniRuntime::add_ended(Pod& pod, const CniProcessEnd& end) {
    const auto type = string_at(parts_.list.plugins.at(pod.position), "type");
    auto result = Json::parse(end.out, nullptr, false);
    if (end.status != 0 || result.is_discarded()) {
        add_failed(
            pod,
            "plugin type=\"" + type + "\" name=\"" + parts_.list.name +
                "\" failed (add): " + words_of(end));
        return;
    }
    pod.result = std::move(result);
    if (pod.doomed) {
        enqueue(pod, Phase::Deleting);
        return;
    }
    if (++pod.position < parts_.list.plugins.size()) {
        queue_.push_front(pod.uid); // what has begun comes first
        return;
    }
    try {
        const auto read = cni::read_result(pod.result);
        if (cni::container_addresses(read).empty()) {
            throw cni::CniError(cni::Code::Decoding, "the plugins have given the pod no address");
        }
        pod.phase = Phase::Added;
        pod.tried = true;
        pod.failures = 0;
        parts_.added(pod.key, pod.uid, read);
    } catch (const cni::CniError& error) {
        add_failed(pod, error.what());
    }
}

/// What the plugins before it have made is taken away again.
void CniRuntime::add_failed(Pod& pod, const std::string& why) {
    ++pod.failures;
    pod.tried = true;
    if (!pod.doomed) {
        parts_.failed(pod.key, pod.uid, why);
    }
    enqueue(pod, pod.doomed ? Phase::Deleting : Phase::CleaningUp);
}

/// An error of one plugin does not keep the others from letting go.
void CniRuntime::delete_ended(Pod& pod, const CniProcessEnd& end) {
    if (end.status != 0) {
        netemu::log_warning(
            "supervisor",
            "CNI DEL of " + pod.key.ns + "/" + pod.key.name + " by " +
                string_at(parts_.list.plugins.at(pod.position), "type") + ": " + words_of(end));
    }
    if (pod.position > 0) {
        --pod.position;
        queue_.push_front(pod.uid);
        return;
    }
    finish(pod);
}

void CniRuntime::finish(Pod& pod) {
    if (pod.phase == Phase::Deleting || pod.doomed) {
        const auto uid = pod.uid;
        preferred_.erase(uid);
        pods_.erase(uid);
        parts_.loop.after(std::chrono::microseconds(0), [this] { follow(); });
        return;
    }
    pod.phase = Phase::Resting;
    pod.result = nullptr;
    const auto rest = std::chrono::seconds(1U << std::min(pod.failures - 1, kRestDoublingsMax));
    pod.timer = parts_.loop.after(rest, [this, uid = pod.uid] {
        if (const auto found = pods_.find(uid); found != pods_.end()) {
            found->second.timer = 0;
            enqueue(found->second, Phase::Adding);
            start_next();
        }
    });
}

std::size_t CniRuntime::starting() const {
    return static_cast<std::size_t>(std::count_if(
        pods_.begin(), pods_.end(), [](const auto& entry) { return !entry.second.tried; }));
}

void CniRuntime::remove_all(netemu::Clock::time_point deadline, std::function<void()> done) {
    all_removed_ = std::move(done);
    removal_timer_ = parts_.loop.at(deadline, [this] {
        removal_timer_ = 0;
        if (const auto callback = std::exchange(all_removed_, nullptr)) {
            callback();
        }
    });
    for (auto& [uid, pod] : pods_) {
        if (!pod.doomed) {
            doom(pod);
        }
    }
    start_next();
}

} // namespace labctl::supervisor
