#include "labctl/supervisor/runtime.h"

#include <algorithm>

#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/pod_termination.h"
#include "labctl/compile/sidecar_objects.h"
#include "labctl/supervisor/attachments.h"
#include "labctl/supervisor/pod_workload.h"
#include "labctl/supervisor/variables.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::supervisor {

using api::at;
using api::Json;
using api::string_at;

namespace {

api::ObjectKey pod_key(const std::string& text) {
    const auto slash = text.find('/');
    return {"Pod", text.substr(0, slash), text.substr(slash + 1)};
}

} // namespace

Runtime::Runtime(Parts parts, Report report, Terminations::Ended ended)
    : parts_(std::move(parts)), report_(std::move(report)),
      terminations_(
          parts_.loop, [this](const api::ObjectKey& key) { terminate(key); }, std::move(ended)),
      node_caches_(parts_.store, parts_.config, parts_.bad_corefile) {
    parts_.dataplane.on_ready([this](const std::string& pod) { served(pod_key(pod)); });
    parts_.dataplane.on_failure([this](const std::string& pod, const std::string& error) {
        const auto key = pod_key(pod);
        if (const auto found = pods_.find(key); found != pods_.end()) {
            found->second.starting = false;
            compile::RuntimeState state;
            state.started = false;
            state.reason = "CreateContainerError";
            state.message = error;
            report_(key, state);
        }
    });
    parts_.dataplane.on_crash([this](const std::string& pod, const std::string& why) {
        compile::RuntimeState state;
        state.reason = "CrashLoopBackOff";
        state.message = why;
        report_(pod_key(pod), state);
    });
}

Runtime::~Runtime() = default;

Runtime::Workload Runtime::workload_of(const Json& pod) const {
    if (at(pod, "metadata.annotations").contains(kCniContainer)) {
        return Workload::Idle; // what runs in it is the container's own
    }
    const auto& containers = at(pod, "spec.containers");
    for (const auto& container : containers) {
        if (const auto* rule = compile::image_rule(parts_.config.images, container)) {
            return rule->idle ? Workload::Idle : Workload::Process;
        }
    }
    // A job has nothing to do here but to end; one that serves a port is taken at its word.
    const bool runs_forever = string_at(pod, "spec.restartPolicy", "Always") == "Always";
    return runs_forever || !declared_ports(pod).empty() ? Workload::BuiltIn : Workload::Finished;
}

void Runtime::stop_gone() {
    std::vector<api::ObjectKey> gone;
    for (const auto& [key, pod] : pods_) {
        const auto object = parts_.store.get(key);
        if (!object || object->uid() != pod.uid || !runnable(*object)) {
            gone.push_back(key);
        }
    }
    for (const auto& key : gone) {
        keep_log(key);
        stop(key);
    }
    ended_logs_.forget_if([this](const api::ObjectKey& key, const std::string& uid) {
        const auto object = parts_.store.get(key);
        return !object || object->uid() != uid;
    });
}

/// What a command has printed can be read until its pod is deleted, or too much is kept.
void Runtime::keep_log(const api::ObjectKey& key) {
    const auto& pod = pods_.at(key);
    if (pod.process) {
        ended_logs_.keep(key, pod.uid, pod.process->logs().tail(-1));
    }
}

void Runtime::stop(const api::ObjectKey& key) {
    parts_.dataplane.withdraw(key.ns + "/" + key.name);
    terminations_.forget(key);
    node_caches_.forget(key);
    pods_.erase(key); // the process goes before the sandbox that it runs in
    sandboxes_.erase(pod_namespace(key));
}

void Runtime::start_new() {
    for (const auto& object : parts_.store.list("Pod")) {
        if (!runnable(*object)) {
            continue;
        }
        const auto found = pods_.find(object->key());
        if (found == pods_.end()) {
            start(*object);
            continue;
        }
        follow_ready(*object, found->second);
        if (!at(object->body, "metadata.deletionTimestamp").is_null()) {
            terminations_.follow(*object, found->second.process != nullptr);
        }
    }
    for (const auto& key : node_caches_.changed()) {
        start_builtin(*parts_.store.get(key));
    }
    if (!to_serve_.empty()) {
        parts_.dataplane.serve(std::exchange(to_serve_, {}));
    }
}

void Runtime::start(const api::Object& object) {
    auto& pod = pods_[object.key()];
    pod.uid = object.uid();
    pod.workload = workload_of(object.body);
    pod.ready_override = ready_override(object).value_or(true);
    if (pod.workload != Workload::BuiltIn && has_sidecar(object)) {
        serve_sidecar_alone(object);
    }
    compile::RuntimeState state;
    switch (pod.workload) {
    case Workload::BuiltIn:
        start_builtin(object);
        return;
    case Workload::Process:
        start_process(object, pod);
        return;
    case Workload::Idle:
        state.ready = true;
        break;
    case Workload::Finished:
        state.phase = "Succeeded";
        state.reason = "Completed";
        break;
    }
    pod.starting = false;
    state.started = true;
    report_(object.key(), state);
}

/// One that the mesh of the lab knows.
bool Runtime::has_sidecar(const api::Object& pod) const {
    const auto& profile = parts_.config.mesh_profile;
    return (profile == compile::kMeshProfileIstio && compile::has_sidecar(pod.body)) ||
           (profile == compile::kMeshProfileLinkerd && compile::has_linkerd_proxy(pod.body));
}

dataplane::WorkloadSpec Runtime::spec_of(const api::Object& pod) const {
    dataplane::WorkloadSpec spec;
    spec.ns_name = network_namespace(pod);
    spec.pod_namespace = pod.ns();
    spec.pod = pod.name();
    spec.node = string_at(pod.body, "spec.nodeName");
    spec.sidecar = has_sidecar(pod);
    if (parts_.config.mesh_profile == compile::kMeshProfileLinkerd) {
        spec.sidecar_mesh = mesh::SidecarMesh::Linkerd;
    }
    return spec;
}

/// Its ports are a process'.
void Runtime::serve_sidecar_alone(const api::Object& object) {
    to_serve_.push_back(spec_of(object));
}

void Runtime::start_builtin(const api::Object& object) {
    auto spec = spec_of(object);
    spec.ports = listening_ports(object.body, {}); // those of a DNS server follow the Corefile
    spec.ready = ready_override(object).value_or(true);
    if (has_dns_server(object.body)) {
        spec.dns = dns_serving(object.body, parts_.dns);
    }
    spec.ingress = ingress_serving(object.body);
    node_caches_.complete(object, parts_.dns, spec);
    to_serve_.push_back(std::move(spec));
}

void Runtime::served(const api::ObjectKey& key) {
    const auto found = pods_.find(key);
    const auto object = parts_.store.get(key);
    if (found == pods_.end() || !object || found->second.workload != Workload::BuiltIn) {
        return;
    }
    found->second.starting = false;
    compile::RuntimeState state;
    state.started = true;
    state.message = readiness_failure(object->body, listening_ports(object->body, dns_ports_));
    state.ready = state.message.empty();
    state.reason = state.ready ? "" : "Unhealthy";
    report_(key, state);
}

void Runtime::set_dns_ports(const std::vector<std::uint16_t>& ports) {
    if (ports == dns_ports_) {
        return;
    }
    dns_ports_ = ports;
    parts_.dataplane.set_dns_ports(ports);
    for (const auto& [key, pod] : pods_) {
        const auto object = parts_.store.get(key);
        if (object && !pod.starting && pod.workload == Workload::BuiltIn &&
            has_dns_server(object->body)) {
            served(key); // what its readiness probe finds may have changed
        }
    }
}

/// The answer of /readyz follows `labctl set ready=`.
void Runtime::follow_ready(const api::Object& object, Pod& pod) {
    const bool wanted = ready_override(object).value_or(true);
    if (pod.workload == Workload::BuiltIn && wanted != pod.ready_override) {
        pod.ready_override = wanted;
        parts_.dataplane.set_ready(object.ns() + "/" + object.name(), wanted);
    }
}

namespace {

compile::RuntimeState to_runtime_state(const ProcessState& process) {
    compile::RuntimeState state;
    state.started = process.running;
    state.ready = process.running;
    state.reason = process.reason;
    state.message = process.message;
    state.exit_code = process.exit_code;
    state.restarts = process.restarts;
    if (process.finished) {
        state.phase = process.exit_code == 0 ? "Succeeded" : "Failed";
    }
    return state;
}

} // namespace

void Runtime::start_process(const api::Object& object, Pod& pod) {
    const auto key = object.key();
    pod.starting = false;
    const auto& containers = at(object.body, "spec.containers");
    const auto container =
        std::find_if(containers.begin(), containers.end(), [&](const auto& candidate) {
            const auto* rule = compile::image_rule(parts_.config.images, candidate);
            return rule != nullptr && !rule->idle;
        });
    const auto* rule = compile::image_rule(parts_.config.images, *container);
    SandboxCommand command;
    command.environment = pod_environment(object.body, *container);
    for (const auto& word : command_line(*container, *rule)) {
        command.arguments.push_back(expand_variables(word, command.environment));
    }
    command.directory = string_at(*container, "workingDir");
    compile::RuntimeState failed;
    failed.reason = "CreateContainerError";
    if (command.arguments.empty()) {
        failed.message =
            "the lab gives image '" + string_at(*container, "image") +
            "' a root directory, but neither the lab nor the container names a command";
        report_(key, failed);
        return;
    }
    try {
        pod.process = std::make_unique<ProcessPod>(
            parts_.loop,
            [this,
             name = pod_namespace(key),
             ns = network_namespace(object),
             files = pod_files(object.body, parts_.dns),
             rootfs = rootfs_of(object.body)]() -> Sandbox& {
                return sandbox(name, ns, files, rootfs);
            },
            std::move(command),
            string_at(object.body, "spec.restartPolicy", "Always"),
            [this, key](const ProcessState& state) { process_changed(key, state); });
        pod.process->start();
    } catch (const netemu::Error& error) {
        failed.message = error.what();
        report_(key, failed);
    }
}

void Runtime::process_changed(const api::ObjectKey& key, const ProcessState& state) {
    if (state.finished && terminations_.told_to_end(key)) {
        terminations_.ended(key);
        return;
    }
    report_(key, to_runtime_state(state));
}

/// SIGTERM for a real process; the built-in workload has nothing to do but to go on.
void Runtime::terminate(const api::ObjectKey& key) {
    const auto found = pods_.find(key);
    const auto object = parts_.store.get(key);
    if (found != pods_.end() && object && found->second.process) {
        found->second.process->terminate();
    }
}

std::size_t Runtime::starting() const {
    return static_cast<std::size_t>(std::count_if(
        pods_.begin(), pods_.end(), [](const auto& entry) { return entry.second.starting; }));
}

} // namespace labctl::supervisor
