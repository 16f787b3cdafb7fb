#include "labctl/supervisor/runtime.h"

#include <algorithm>

#include <fcntl.h>
#include <unistd.h>

#include "labctl/api/status_error.h"
#include "labctl/compile/pod_termination.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::supervisor {

using api::at;
using api::Json;
using api::string_at;

std::string pod_namespace(const api::ObjectKey& pod) {
    return "pod/" + pod.ns + "/" + pod.name;
}

namespace {

constexpr const char* kReadyAnnotation = "labctl.dev/ready";

api::ObjectKey pod_key(const std::string& text) {
    const auto slash = text.find('/');
    return {"Pod", text.substr(0, slash), text.substr(slash + 1)};
}

/// A pod that has what it needs to run: a node, addresses, and no final phase.
bool runnable(const api::Object& pod) {
    const auto phase = string_at(pod.body, "status.phase");
    return !string_at(pod.body, "spec.nodeName").empty() &&
           !at(pod.body, "status.podIPs").empty() && phase != "Succeeded" && phase != "Failed";
}

std::string network_namespace(const api::Object& pod) {
    return api::bool_at(pod.body, "spec.hostNetwork", false)
               ? "node/" + string_at(pod.body, "spec.nodeName")
               : pod_namespace(pod.key());
}

std::vector<dataplane::WorkloadPort> declared_ports(const Json& pod) {
    std::vector<dataplane::WorkloadPort> ports;
    for (const auto& container : at(pod, "spec.containers")) {
        for (const auto& port : at(container, "ports")) {
            const auto protocol = string_at(port, "protocol", "TCP");
            if (protocol == "SCTP") {
                continue; // served where the kernel has it, which the data plane does not do yet
            }
            ports.push_back(
                {static_cast<std::uint16_t>(api::int_at(port, "containerPort", 0)),
                 protocol == "UDP" ? dataplane::Protocol::Udp : dataplane::Protocol::Tcp,
                 string_at(port, "name")});
        }
    }
    return ports;
}

/// Whether a container is coredns, of whatever registry and version.
bool is_dns_server(const Json& container) {
    auto image = string_at(container, "image");
    image = image.substr(0, image.find('@'));
    if (const auto tag = image.rfind(':'); tag != std::string::npos && tag > image.rfind('/')) {
        image.resize(tag);
    }
    return image == "coredns/coredns" || image.ends_with("/coredns/coredns");
}

bool has_dns_server(const Json& pod) {
    const auto& containers = at(pod, "spec.containers");
    return std::any_of(containers.begin(), containers.end(), is_dns_server);
}

/// Why the readiness probe of a container would fail against the built-in workload, or "". It
/// answers every HTTP path and accepts every connection, on declared ports only; commands inside it
/// cannot be run.
std::string readiness_failure(const Json& pod, const std::vector<dataplane::WorkloadPort>& ports) {
    for (const auto& container : at(pod, "spec.containers")) {
        const auto& probe = at(container, "readinessProbe");
        for (const auto* kind : {"httpGet", "tcpSocket", "grpc"}) {
            const auto& wanted = at(at(probe, kind), "port");
            if (wanted.is_null()) {
                continue;
            }
            const bool served = std::any_of(ports.begin(), ports.end(), [&](const auto& port) {
                return wanted.is_string() ? wanted == port.name : wanted == port.port;
            });
            if (!served) {
                return "Readiness probe failed: port " + wanted.dump() + " of container '" +
                       string_at(container, "name") +
                       "': nothing listens there: connection refused";
            }
        }
    }
    return {};
}

/// Where a coredns pod listens: the Corefile says it. A probe may call them by their names.
std::vector<dataplane::WorkloadPort>
coredns_ports(const Json& pod, const std::vector<std::uint16_t>& http) {
    std::vector<dataplane::WorkloadPort> ports{
        {dataplane::kDnsServerPort, dataplane::Protocol::Udp, {}},
        {dataplane::kDnsServerPort, dataplane::Protocol::Tcp, {}}};
    for (const auto port : http) {
        ports.push_back({port, dataplane::Protocol::Tcp, {}});
    }
    for (auto& port : ports) {
        for (const auto& declared : declared_ports(pod)) {
            if (declared.port == port.port && declared.protocol == port.protocol) {
                port.name = declared.name;
            }
        }
    }
    return ports;
}

/// What a coredns pod finds in its own resolv.conf; `forward` and `autopath` read it.
dataplane::DnsServing dns_serving(const Json& pod, const ClusterDns& dns) {
    constexpr std::uint16_t kNameServerPort = 53;
    const auto conf = compile::pod_resolv_conf(pod, dns);
    dataplane::DnsServing serving;
    for (const auto& text : conf.nameservers) {
        if (const auto address = netemu::IpAddress::parse(text)) {
            serving.nameservers.push_back({*address, kNameServerPort});
        }
    }
    serving.searches = conf.searches;
    return serving;
}

/// What the user set with `labctl set ready=`, or nothing.
std::optional<bool> ready_override(const api::Object& pod) {
    const auto annotations = pod.annotations();
    const auto found = annotations.find(kReadyAnnotation);
    if (found == annotations.end()) {
        return std::nullopt;
    }
    return found->second == "true";
}

} // namespace

Runtime::Runtime(Parts parts, Report report, Terminations::Ended ended)
    : parts_(std::move(parts)), report_(std::move(report)),
      terminations_(
          parts_.loop, [this](const api::ObjectKey& key) { terminate(key); }, std::move(ended)) {
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
}

Runtime::~Runtime() = default;

Runtime::Workload Runtime::workload_of(const Json& pod) const {
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
        stop(key);
    }
}

void Runtime::stop(const api::ObjectKey& key) {
    parts_.dataplane.withdraw(key.ns + "/" + key.name);
    terminations_.forget(key);
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
    if (!to_serve_.empty()) {
        parts_.dataplane.serve(std::exchange(to_serve_, {}));
    }
}

void Runtime::start(const api::Object& object) {
    auto& pod = pods_[object.key()];
    pod.uid = object.uid();
    pod.workload = workload_of(object.body);
    pod.ready_override = ready_override(object).value_or(true);
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

void Runtime::start_builtin(const api::Object& object) {
    dataplane::WorkloadSpec spec;
    spec.ns_name = network_namespace(object);
    spec.pod_namespace = object.ns();
    spec.pod = object.name();
    spec.node = string_at(object.body, "spec.nodeName");
    spec.ports = declared_ports(object.body);
    spec.ready = ready_override(object).value_or(true);
    if (has_dns_server(object.body)) {
        spec.dns = dns_serving(object.body, parts_.dns);
        spec.ports = coredns_ports(object.body, {}); // the others follow the Corefile
    }
    to_serve_.push_back(std::move(spec));
}

void Runtime::served(const api::ObjectKey& key) {
    const auto found = pods_.find(key);
    const auto object = parts_.store.get(key);
    if (found == pods_.end() || !object) {
        return;
    }
    found->second.starting = false;
    compile::RuntimeState state;
    state.started = true;
    const bool dns = has_dns_server(object->body);
    state.message = readiness_failure(
        object->body, dns ? coredns_ports(object->body, dns_ports_) : declared_ports(object->body));
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

namespace {

/// What the container's image would start: the lab's command, or the container's own (command, then
/// args).
std::vector<std::string> command_line(const Json& container, const compile::ImageRule& rule) {
    auto arguments = rule.run;
    for (const auto* field : {"command", "args"}) {
        const bool replaced = !rule.run.empty() && std::string_view(field) == "command";
        for (const auto& word : at(container, field)) {
            if (!replaced) {
                arguments.push_back(word.get<std::string>());
            }
        }
    }
    return arguments;
}

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
    command.arguments = command_line(*container, *rule);
    command.environment = pod_environment(object.body);
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
        auto& box = sandbox(
            network_namespace(object), pod_files(object.body, parts_.dns), rootfs_of(object.body));
        pod.process = std::make_unique<ProcessPod>(
            parts_.loop,
            box,
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
    if (found == pods_.end() || !object || !found->second.process) {
        return;
    }
    if (sandboxes_.contains(network_namespace(*object))) {
        found->second.process->terminate();
    } else {
        terminations_.ended(key); // nothing runs there any more
    }
}

Sandbox& Runtime::sandbox(const std::string& ns, const PodFiles& files, const std::string& rootfs) {
    auto& entry = sandboxes_[ns];
    if (!entry) {
        SandboxSpec spec;
        spec.netns_fd = parts_.kernel.namespace_fd(ns);
        spec.hostname = files.hostname;
        spec.resolv_conf = files.resolv_conf;
        spec.hosts = files.hosts;
        spec.rootfs = rootfs;
        spec.hide_dir = parts_.run_dir;
        try {
            entry =
                std::make_unique<Sandbox>(parts_.loop, spec, [this, ns] { sandboxes_.erase(ns); });
        } catch (...) {
            sandboxes_.erase(ns);
            throw;
        }
    }
    return *entry;
}

Runtime::Entry Runtime::enter(const std::string& target, const std::string& default_ns) {
    Entry entry;
    PodFiles files;
    std::string ns;
    std::string rootfs;
    if (target == "external") {
        ns = target;
        files = host_files("external", parts_.dns);
    } else if (target.starts_with("node/")) {
        ns = target;
        const auto node = parts_.store.get({"Node", "", target.substr(5)});
        if (!node) {
            throw api::StatusError::not_found("nodes", target.substr(5));
        }
        files = host_files(node->name(), parts_.dns);
    } else {
        auto name = target.starts_with("pod/") ? target.substr(4) : target;
        const auto slash = name.find('/');
        const api::ObjectKey key{
            "Pod",
            slash == std::string::npos ? default_ns : name.substr(0, slash),
            slash == std::string::npos ? name : name.substr(slash + 1)};
        const auto pod = parts_.store.get(key);
        if (!pod) {
            throw api::StatusError::not_found("pods", name);
        }
        if (!runnable(*pod)) {
            throw api::StatusError(
                409,
                "Conflict",
                "pod " + key.ns + "/" + key.name + " is not running (" +
                    string_at(pod->body, "status.phase", "Pending") + ")");
        }
        ns = network_namespace(*pod);
        files = pod_files(pod->body, parts_.dns);
        rootfs = rootfs_of(pod->body);
        entry.environment = pod_environment(pod->body);
    }
    auto& box = sandbox(ns, files, rootfs);
    entry.hostname = files.hostname;
    entry.warnings = box.warnings();
    entry.pidfd.reset(
        netemu::check_syscall("duplicate a descriptor", ::fcntl(box.pidfd(), F_DUPFD_CLOEXEC, 3)));
    return entry;
}

void Runtime::logs(const api::ObjectKey& key, int lines, bool follow, const ExchangePtr& exchange) {
    const auto found = pods_.find(key);
    if (found == pods_.end()) {
        exchange->finish(); // it has not run here
        return;
    }
    if (!found->second.process) {
        parts_.dataplane.logs(
            key.ns + "/" + key.name,
            lines < 0 ? 0 : static_cast<std::size_t>(lines),
            [exchange](const std::vector<std::string>& text) {
                for (const auto& line : text) {
                    exchange->send_text(line + "\n");
                }
                exchange->finish();
            });
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
    exchange->on_disconnect([this, key, id] {
        const auto pod = pods_.find(key);
        if (pod != pods_.end() && pod->second.process) {
            pod->second.process->logs().unfollow(id);
        }
    });
}

std::size_t Runtime::starting() const {
    return static_cast<std::size_t>(std::count_if(
        pods_.begin(), pods_.end(), [](const auto& entry) { return entry.second.starting; }));
}

} // namespace labctl::supervisor
