#include <algorithm>
#include <array>

#include "labctl/report/describe_parts.h"
#include "labctl/report/text.h"
#include "netemu/base/text.h"

namespace labctl::report {

namespace {

using api::at;
using api::bool_at;
using api::int_at;
using api::Json;
using api::string_at;

std::string port_list(const Json& ports, const char* field) {
    std::vector<std::string> parts;
    for (const auto& port : ports) {
        parts.push_back(
            std::to_string(int_at(port, field, 0)) + "/" + string_at(port, "protocol", "TCP"));
    }
    return netemu::join(parts, ", ");
}

void describe_ports(Description& out, const Json& ports) {
    const auto several = ports.size() > 1 ? "s" : "";
    const auto container = port_list(ports, "containerPort");
    const auto host = port_list(ports, "hostPort");
    out.field(2, std::string("Port") + several, container.empty() ? "<none>" : container);
    out.field(2, std::string("Host Port") + several, host.empty() ? "<none>" : host);
}

void describe_state(Description& out, const char* name, const Json& state) {
    if (const auto& running = at(state, "running"); running.is_object()) {
        out.field(2, name, "Running");
        out.field(3, "Started", long_time(string_at(running, "startedAt")));
    } else if (const auto& terminated = at(state, "terminated"); terminated.is_object()) {
        out.field(2, name, "Terminated");
        for (const auto& [label, field] :
             {std::pair{"Reason", "reason"}, std::pair{"Message", "message"}}) {
            if (const auto text = string_at(terminated, field); !text.empty()) {
                out.field(3, label, text);
            }
        }
        out.field(3, "Exit Code", std::to_string(int_at(terminated, "exitCode", 0)));
        out.field(3, "Started", long_time(string_at(terminated, "startedAt")));
        out.field(3, "Finished", long_time(string_at(terminated, "finishedAt")));
    } else {
        out.field(2, name, "Waiting");
        if (const auto reason = string_at(state, "waiting.reason"); !reason.empty()) {
            out.field(3, "Reason", reason);
        }
    }
}

void describe_resources(Description& out, const Json& resources) {
    for (const auto& [label, field] :
         {std::pair{"Limits", "limits"}, std::pair{"Requests", "requests"}}) {
        const auto& amounts = at(resources, field);
        if (amounts.is_object() && !amounts.empty()) {
            out.line(2, std::string(label) + ":");
            for (const auto& [name, amount] : amounts.items()) {
                out.field(3, visible(name), plain(amount));
            }
        }
    }
}

/// The action of a probe, as DescribeProbe of kubectl has it.
std::string probe_action(const Json& probe) {
    if (const auto& http = at(probe, "httpGet"); http.is_object()) {
        return "http-get " + netemu::to_lower(string_at(http, "scheme", "HTTP")) + "://" +
               string_at(http, "host") + ":" + plain(at(http, "port")) +
               string_at(http, "path", "/");
    }
    if (const auto& tcp = at(probe, "tcpSocket"); tcp.is_object()) {
        return "tcp-socket " + string_at(tcp, "host") + ":" + plain(at(tcp, "port"));
    }
    if (const auto& grpc = at(probe, "grpc"); grpc.is_object()) {
        return "grpc <pod>:" + plain(at(grpc, "port")) + " " + string_at(grpc, "service");
    }
    return "exec [" + join_strings(at(probe, "exec.command"), " ") + "]";
}

void describe_probes(Description& out, const Json& container) {
    for (const auto& [label, field] :
         {std::pair{"Liveness", "livenessProbe"},
          std::pair{"Readiness", "readinessProbe"},
          std::pair{"Startup", "startupProbe"}}) {
        const auto& probe = at(container, field);
        if (!probe.is_object()) {
            continue;
        }
        const auto number = [&](const char* name, std::int64_t fallback) {
            return std::to_string(int_at(probe, name, fallback));
        };
        out.field(
            2,
            label,
            probe_action(probe) + " delay=" + number("initialDelaySeconds", 0) + "s timeout=" +
                number("timeoutSeconds", 1) + "s period=" + number("periodSeconds", 10) +
                "s #success=" + number("successThreshold", 1) +
                " #failure=" + number("failureThreshold", 3));
    }
}

/// The value of a field of the pod itself, as far as kubectl resolves it; empty in a template.
std::string field_value(const Json* pod, const std::string& path) {
    const bool resolved =
        path == "metadata.name" || path == "metadata.namespace" || path == "metadata.uid";
    return pod != nullptr && resolved ? string_at(*pod, path) : std::string{};
}

/// What stands behind the name of a variable: cells of the layout, so a value is made visible here.
std::string env_cells(const Json& variable, const Json* pod) {
    const auto& from = at(variable, "valueFrom");
    if (const auto& field = at(from, "fieldRef"); field.is_object()) {
        const auto path = string_at(field, "fieldPath");
        return visible(
            field_value(pod, path) + " (" + string_at(field, "apiVersion", "v1") + ":" + path +
            ")");
    }
    for (const auto& [field, text] :
         {std::pair{"secretKeyRef", "in secret"}, std::pair{"configMapKeyRef", "of config map"}}) {
        if (const auto& key = at(from, field); key.is_object()) {
            return visible(
                       "<set to the key '" + string_at(key, "key") + "' " + text + " '" +
                       string_at(key, "name") + "'>") +
                   "\tOptional: " + (bool_at(key, "optional", false) ? "true" : "false");
        }
    }
    return visible(string_at(variable, "value"));
}

void describe_environment(Description& out, const Json& container, const Json* pod) {
    const auto& variables = at(container, "env");
    const auto& sources = at(container, "envFrom");
    if (!sources.empty()) {
        out.line(2, "Environment Variables from:");
    }
    for (const auto& source : sources) {
        const bool secret = at(source, "secretRef").is_object();
        const auto& reference = at(source, secret ? "secretRef" : "configMapRef");
        out.line(
            3,
            visible(string_at(reference, "name")) + "\t" + (secret ? "Secret" : "ConfigMap") +
                "\tOptional: " + (bool_at(reference, "optional", false) ? "true" : "false"));
    }
    out.line(2, variables.empty() ? "Environment:\t<none>" : "Environment:");
    for (const auto& variable : variables) {
        out.line(3, visible(string_at(variable, "name")) + ":\t" + env_cells(variable, pod));
    }
}

void describe_mounts(Description& out, const Json& mounts) {
    out.line(2, mounts.empty() ? "Mounts:\t<none>" : "Mounts:");
    std::vector<std::string> lines;
    for (const auto& mount : mounts) {
        const auto sub_path = string_at(mount, "subPath");
        lines.push_back(
            visible(string_at(mount, "mountPath")) + " from " + visible(string_at(mount, "name")) +
            " (" + (bool_at(mount, "readOnly", false) ? "ro" : "rw") +
            (sub_path.empty() ? "" : ",path=\"" + visible(sub_path) + "\"") + ")");
    }
    std::ranges::sort(lines);
    for (const auto& line : lines) {
        out.line(3, line);
    }
}

void describe_words(Description& out, const char* name, const Json& words) {
    if (words.empty()) {
        return;
    }
    out.line(2, std::string(name) + ":");
    for (const auto& word : words) {
        const auto text = visible_lines(plain(word));
        for (const auto line : netemu::split(text, '\n')) {
            out.line(3, line);
        }
    }
}

const Json* status_of(const Json& statuses, const std::string& name) {
    for (const auto& status : statuses) {
        if (string_at(status, "name") == name) {
            return &status;
        }
    }
    return nullptr;
}

/// `pod` and `status` are nullptr in a template.
void describe_container(
    Description& out, const Json& container, const Json* status, const Json* pod) {
    if (status != nullptr) {
        out.field(2, "Container ID", string_at(*status, "containerID"));
    }
    out.field(2, "Image", string_at(container, "image"));
    if (status != nullptr) {
        out.field(2, "Image ID", string_at(*status, "imageID"));
    }
    describe_ports(out, at(container, "ports"));
    describe_words(out, "Command", at(container, "command"));
    describe_words(out, "Args", at(container, "args"));
    if (status != nullptr) {
        describe_state(out, "State", at(*status, "state"));
        if (at(*status, "lastState.terminated").is_object()) {
            describe_state(out, "Last State", at(*status, "lastState"));
        }
        out.field(2, "Ready", bool_at(*status, "ready", false) ? "True" : "False");
        out.field(2, "Restart Count", std::to_string(int_at(*status, "restartCount", 0)));
    }
    describe_resources(out, at(container, "resources"));
    describe_probes(out, container);
    describe_environment(out, container, pod);
    describe_mounts(out, at(container, "volumeMounts"));
}

/// A volume's type in kubectl's words, and the fields that it shows.
struct VolumeKind {
    const char* field;
    const char* type;
    std::array<std::pair<const char*, const char*>, 3> shown; // label and path
};

constexpr std::array<VolumeKind, 6> kVolumeKinds{
    {{"emptyDir",
      "EmptyDir (a temporary directory that shares a pod's lifetime)",
      {{{"Medium", "medium"}, {"SizeLimit", "sizeLimit"}, {}}}},
     {"configMap",
      "ConfigMap (a volume populated by a ConfigMap)",
      {{{"Name", "name"}, {"Optional", "optional"}, {}}}},
     {"secret",
      "Secret (a volume populated by a Secret)",
      {{{"SecretName", "secretName"}, {"Optional", "optional"}, {}}}},
     {"hostPath",
      "HostPath (bare host directory volume)",
      {{{"Path", "path"}, {"HostPathType", "type"}, {}}}},
     {"persistentVolumeClaim",
      "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
      {{{"ClaimName", "claimName"}, {"ReadOnly", "readOnly"}, {}}}},
     {"projected", "Projected (a volume that contains injected data from multiple sources)", {}}}};

std::string volume_field(const Json& source, std::string_view path) {
    const auto& value = at(source, path);
    if (!value.is_null()) {
        return plain(value);
    }
    return path == "optional" || path == "readOnly" ? "false"
           : path == "sizeLimit"                    ? "<unset>"
                                                    : "";
}

std::string toleration_text(const Json& toleration) {
    const auto key = string_at(toleration, "key");
    const auto value = string_at(toleration, "value");
    const auto effect = string_at(toleration, "effect");
    const auto op = string_at(toleration, "operator");
    auto text = key + (value.empty() ? "" : "=" + value) + (effect.empty() ? "" : ":" + effect);
    // kubectl shows the operator Exists only for a key without a value.
    if (op == "Exists" && value.empty()) {
        text += (key.empty() && effect.empty() ? "op=Exists" : " op=Exists");
    }
    const auto& seconds = at(toleration, "tolerationSeconds");
    return text + (seconds.is_number() ? " for " + plain(seconds) + "s" : "");
}

} // namespace

void describe_containers(
    Description& out,
    std::string_view label,
    const Json& containers,
    const Json& statuses,
    const Json* pod) {
    const bool in_template = pod == nullptr;
    const std::string indent = in_template ? "  " : "";
    out.line(0, indent + std::string(label) + ":" + (containers.empty() ? " <none>" : ""));
    for (const auto& container : containers) {
        const auto name = string_at(container, "name");
        out.line(1, (in_template ? " " : "") + visible(name) + ":");
        describe_container(out, container, status_of(statuses, name), pod);
    }
}

void describe_volumes(Description& out, int level, const Json& volumes) {
    out.line(level, volumes.empty() ? "Volumes:\t<none>" : "Volumes:");
    for (const auto& volume : volumes) {
        // kubectl indents the names of a template's volumes by three, as it does its containers'.
        out.line(1, (level > 0 ? " " : "") + visible(string_at(volume, "name")) + ":");
        const auto* kind = std::ranges::find_if(kVolumeKinds, [&](const VolumeKind& candidate) {
            return volume.contains(candidate.field);
        });
        if (kind == kVolumeKinds.end()) {
            out.line(2, "<unknown>");
            continue;
        }
        out.field(2, "Type", kind->type);
        for (const auto& [name, path] : kind->shown) {
            if (name != nullptr) {
                out.field(2, name, volume_field(volume.at(kind->field), path));
            }
        }
    }
}

void describe_placement(Description& out, int level, const Json& pod_spec) {
    out.labels(level, "Node-Selectors", api::labels_at(pod_spec, "nodeSelector"));
    std::vector<Json> tolerations(
        at(pod_spec, "tolerations").begin(), at(pod_spec, "tolerations").end());
    std::ranges::stable_sort(
        tolerations, {}, [](const Json& toleration) { return string_at(toleration, "key"); });
    if (tolerations.empty()) {
        out.field(level, "Tolerations", "<none>");
    }
    bool first = true;
    for (const auto& toleration : tolerations) {
        out.line(level, (first ? "Tolerations:\t" : "\t") + visible(toleration_text(toleration)));
        first = false;
    }
}

} // namespace labctl::report
