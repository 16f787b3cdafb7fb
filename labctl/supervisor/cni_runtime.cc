#include "labctl/supervisor/cni_runtime.h"

#include <algorithm>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

#include "labctl/api/naming.h"
#include "labctl/cni/capabilities.h"
#include "labctl/cni/error.h"
#include "labctl/compile/network.h"
#include "labctl/compile/network_view.h"
#include "labctl/store/store.h"
#include "labctl/supervisor/paths.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::supervisor {

using api::at;
using api::Json;
using api::string_at;

namespace {

constexpr std::size_t kPluginsAtOnceMax = 4;
constexpr unsigned kRestDoublingsMax = 5; // 1 s, 2 s, ... 32 s between attempts

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

/// Their namespaces went with the lab that made them, and their plugins are asked to let go of what
/// is elsewhere: addresses, for one.
void CniRuntime::recover() {
    for (auto& attachment : parts_.attachments.all()) {
        auto& pod = pods_[attachment.uid];
        pod.made = std::move(attachment);
        pod.doomed = true;
        enqueue(pod, Phase::Deleting);
        ++left_behind_;
    }
    if (left_behind_ == 0) {
        clear_data();
    }
}

/// Nobody is attached, so whatever plugins still remember there is of nobody.
void CniRuntime::clear_data() const {
    std::error_code ignored;
    std::filesystem::remove_all(parts_.data_dir, ignored);
    for (const auto& node : parts_.nodes) {
        make_directories(parts_.data_dir + "/" + node);
    }
}

void CniRuntime::follow() {
    if (all_removed_) {
        return; // the lab is on its way down
    }
    if (left_behind_ > 0) {
        start_next(); // those first: the new ones may have the same addresses, and the same names
        return;
    }
    for (const auto& object : parts_.store.list("Pod")) {
        const auto ns = compile::pod_namespace(object->ns(), object->name());
        if (!pods_.contains(object->uid()) && parts_.kernel.namespace_fd(ns) >= 0 &&
            !is_letting_go(object->key())) {
            begin(*object);
        }
    }
    for (auto& [uid, pod] : pods_) {
        const auto object = parts_.store.get(pod.made.pod);
        const bool there = object && object->uid() == uid;
        const auto ns = compile::pod_namespace(pod.made.pod.ns, pod.made.pod.name);
        if (!pod.doomed && (!there || parts_.kernel.namespace_fd(ns) < 0)) {
            doom(pod);
        }
    }
    start_next();
}

/// A pod of the same name, in the same namespace, that is not gone yet.
bool CniRuntime::is_letting_go(const api::ObjectKey& key) const {
    return std::any_of(pods_.begin(), pods_.end(), [&](const auto& entry) {
        return entry.second.made.pod == key;
    });
}

void CniRuntime::begin(const api::Object& object) {
    const auto ns = compile::pod_namespace(object.ns(), object.name());
    auto& pod = pods_[object.uid()];
    auto& made = pod.made;
    made.pod = object.key();
    made.uid = object.uid();
    made.node = string_at(object.body, "spec.nodeName");
    made.list = parts_.list;
    made.bin_dir = parts_.bin_dir;
    if (const auto node = parts_.store.get({"Node", "", made.node})) {
        for (const auto& entry : at(node->body, "spec.podCIDRs")) {
            if (const auto range = netemu::IpPrefix::parse(entry.get<std::string>())) {
                made.place.ranges.push_back(*range);
            }
        }
    }
    made.place.data_dir = parts_.data_dir + "/" + made.node;
    made.place.capability_arguments = cni::capability_arguments(object.body);
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
    const bool queued = std::find(queue_.begin(), queue_.end(), pod.made.uid) != queue_.end();
    if (!pod.process && !queued) {
        enqueue(pod, Phase::Deleting);
    } else if (queued && pod.phase == Phase::Adding) {
        pod.phase = Phase::Deleting; // it has not begun
        pod.position = pod.made.list.plugins.size() - 1;
    }
}

void CniRuntime::enqueue(Pod& pod, Phase phase) {
    pod.phase = phase;
    pod.position = phase == Phase::Adding ? 0 : pod.made.list.plugins.size() - 1;
    queue_.push_back(pod.made.uid);
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
    const bool adding = pod.phase == Phase::Adding;
    auto environment = cni_environment(
        pod.made,
        adding ? "ADD" : "DEL",
        pod.netns ? parts_.fds + std::to_string(pod.netns.get()) : std::string());
    if (const auto* addresses = preferred_of(pod)) {
        environment["CNI_ARGS"] += ";IP=" + addresses->front();
    }
    return environment;
}

/// What it had before, in its first attempt.
const std::vector<std::string>* CniRuntime::preferred_of(const Pod& pod) const {
    const auto found = preferred_.find(pod.made.uid);
    const bool asks = pod.phase == Phase::Adding && pod.failures == 0;
    return asks && found != preferred_.end() && !found->second.empty() ? &found->second : nullptr;
}

std::string CniRuntime::plugin_path(const Pod& pod) const {
    return pod.made.bin_dir + "/" + type_of(pod);
}

std::string CniRuntime::type_of(const Pod& pod) {
    return string_at(pod.made.list.plugins.at(pod.position), "type");
}

std::string CniRuntime::input_of(const Pod& pod) const {
    auto input = cni::plugin_input(pod.made.list, pod.position, pod.made.place, pod.made.result);
    const auto* addresses = preferred_of(pod);
    if (addresses != nullptr && addresses->size() > 1) { // IP= of CNI_ARGS has room for one
        input["args"]["cni"]["ips"] =
            std::vector<std::string>(addresses->begin() + 1, addresses->end());
    }
    return input.dump(2);
}

/// Those of a node that is not there any more run on another one: DEL does not need it.
int CniRuntime::place_of(const Pod& pod) const {
    auto fd = parts_.kernel.namespace_fd(compile::node_namespace(pod.made.node));
    for (auto node = parts_.nodes.begin(); fd < 0 && node != parts_.nodes.end(); ++node) {
        fd = parts_.kernel.namespace_fd(compile::node_namespace(*node));
    }
    return fd;
}

void CniRuntime::run_plugin(Pod& pod) {
    CniCall call;
    call.pod = pod.made.pod.ns + "/" + pod.made.pod.name;
    call.node = pod.made.node;
    call.plugin = plugin_path(pod);
    call.environment = environment(pod);
    call.input = input_of(pod);
    call.time = api::timestamp_now();
    CniProcessSpec spec;
    spec.netns_fd = place_of(pod);
    spec.program = call.plugin;
    spec.environment = call.environment;
    spec.environment["PATH"] = cni_program_path();
    spec.input = call.input;
    ++running_;
    try {
        if (pod.phase == Phase::Adding && pod.position == 0) {
            parts_.attachments.remember(pod.made); // from now on DEL is owed
        }
        pod.process = std::make_unique<CniProcess>(
            parts_.loop, spec, [this, uid = pod.made.uid, call](const CniProcessEnd& end) {
                plugin_ended(uid, call, end);
            });
    } catch (const netemu::Error& error) {
        parts_.loop.after(
            std::chrono::microseconds(0),
            [this, uid = pod.made.uid, call, text = std::string(error.what())] {
                plugin_ended(uid, call, {-1, {}, text, 0});
            });
    }
}

void CniRuntime::plugin_ended(
    const std::string& uid, const CniCall& call, const CniProcessEnd& end) {
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
    auto result = Json::parse(end.out, nullptr, false);
    if (end.status != 0 || result.is_discarded()) {
        add_failed(pod, failure_text(pod, "add", end));
        return;
    }
    pod.made.result = std::move(result);
    if (pod.doomed) {
        enqueue(pod, Phase::Deleting);
        return;
    }
    if (++pod.position < pod.made.list.plugins.size()) {
        queue_.push_front(pod.made.uid); // what has begun comes first
        return;
    }
    try {
        const auto read = cni::read_result(pod.made.result);
        if (cni::container_addresses(read).empty()) {
            throw cni::CniError(cni::Code::Decoding, "the plugins have given the pod no address");
        }
        parts_.attachments.remember(pod.made);
        pod.phase = Phase::Added;
        pod.tried = true;
        pod.failures = 0;
        parts_.added(pod.made.pod, pod.made.uid, read);
    } catch (const netemu::Error& error) {
        add_failed(pod, error.what());
    }
}

/// In kubelet's words, with what was tried: `plugin type="bridge" name="podnet" failed (add) for
/// eth0 of default/web on node-1: no IP addresses available (code 999)`.
std::string
CniRuntime::failure_text(const Pod& pod, const char* command, const CniProcessEnd& end) {
    return "plugin type=\"" + type_of(pod) + "\" name=\"" + pod.made.list.name + "\" failed (" +
           command + ") for " + compile::kEth0 + " of " + pod.made.pod.ns + "/" +
           pod.made.pod.name + " on " + pod.made.node + ": " + words_of(end);
}

/// What the plugins before it have made is taken away again.
void CniRuntime::add_failed(Pod& pod, const std::string& why) {
    ++pod.failures;
    pod.tried = true;
    if (!pod.doomed) {
        parts_.failed(pod.made.pod, pod.made.uid, why);
    }
    enqueue(pod, pod.doomed ? Phase::Deleting : Phase::CleaningUp);
}

/// An error of one plugin does not keep the others from letting go.
void CniRuntime::delete_ended(Pod& pod, const CniProcessEnd& end) {
    if (end.status != 0) {
        parts_.let_go_failed(pod.made.node, failure_text(pod, "delete", end));
    }
    if (pod.position > 0) {
        --pod.position;
        queue_.push_front(pod.made.uid);
        return;
    }
    finish(pod);
}

void CniRuntime::finish(Pod& pod) {
    parts_.attachments.forget(pod.made.uid);
    if (pod.phase == Phase::Deleting || pod.doomed) {
        const auto uid = pod.made.uid;
        const bool left_behind = !pod.netns;
        if (!left_behind) {
            preferred_.erase(uid);
        }
        pods_.erase(uid);
        if (left_behind && --left_behind_ == 0) {
            clear_data();
        }
        parts_.loop.after(std::chrono::microseconds(0), [this] { follow(); });
        return;
    }
    pod.phase = Phase::Resting;
    pod.made.result = nullptr;
    const auto rest = std::chrono::seconds(1U << std::min(pod.failures - 1, kRestDoublingsMax));
    pod.timer = parts_.loop.after(rest, [this, uid = pod.made.uid] {
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
