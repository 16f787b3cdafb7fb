#include "labctl/supervisor/pod_files.h"

#include "labctl/compile/pod_dns.h"
#include "labctl/supervisor/variables.h"
#include "netemu/base/text.h"

namespace labctl::supervisor {

using api::at;
using api::Json;
using api::string_at;

namespace {

constexpr const char* kHostsHead = "127.0.0.1\tlocalhost\n"
                                   "::1\tlocalhost ip6-localhost ip6-loopback\n"
                                   "fe00::0\tip6-localnet\n"
                                   "fe00::0\tip6-mcastprefix\n"
                                   "fe00::1\tip6-allnodes\n"
                                   "fe00::2\tip6-allrouters\n";

std::vector<std::string> pod_ips(const Json& pod) {
    std::vector<std::string> ips;
    for (const auto& entry : at(pod, "status.podIPs")) {
        ips.push_back(string_at(entry, "ip"));
    }
    return ips;
}

std::string field_value(const Json& pod, const std::string& path) {
    if (path == "status.podIPs") {
        return netemu::join(pod_ips(pod), ",");
    }
    const auto& value = at(pod, path);
    return value.is_string() ? value.get<std::string>() : std::string{};
}

} // namespace

PodFiles pod_files(const Json& pod, const ClusterDns& dns) {
    constexpr std::size_t kHostnameBytesMax = 63;
    PodFiles files;
    const auto name = string_at(pod, "spec.hostname", string_at(pod, "metadata.name"));
    files.hostname = name.substr(0, kHostnameBytesMax);
    const auto subdomain = string_at(pod, "spec.subdomain");
    const auto full = subdomain.empty()
                          ? std::string{}
                          : files.hostname + "." + subdomain + "." +
                                string_at(pod, "metadata.namespace") + ".svc." + dns.domain;
    files.resolv_conf = compile::pod_resolv_conf(pod, dns).text();
    files.hosts = std::string("# Kubernetes-managed hosts file.\n") + kHostsHead;
    for (const auto& ip : pod_ips(pod)) {
        files.hosts += ip + "\t" + (full.empty() ? "" : full + "\t") + files.hostname + "\n";
    }
    for (const auto& alias : at(pod, "spec.hostAliases")) {
        files.hosts += string_at(alias, "ip");
        for (const auto& host : at(alias, "hostnames")) {
            files.hosts += "\t" + host.get<std::string>();
        }
        files.hosts += "\n";
    }
    if (!full.empty() && api::bool_at(pod, "spec.setHostnameAsFQDN", false)) {
        files.hostname = full.substr(0, kHostnameBytesMax + 1);
    }
    return files;
}

PodFiles host_files(const std::string& hostname, const ClusterDns& dns) {
    PodFiles files;
    files.hostname = hostname;
    files.resolv_conf = compile::host_resolv_conf(dns).text();
    files.hosts = kHostsHead;
    return files;
}

std::map<std::string, std::string> pod_environment(const Json& pod, const Json& container) {
    std::map<std::string, std::string> environment;
    for (const auto& variable : at(container, "env")) {
        const auto& path = at(variable, "valueFrom.fieldRef.fieldPath");
        environment[string_at(variable, "name")] =
            path.is_string() ? field_value(pod, path.get<std::string>())
                             : expand_variables(string_at(variable, "value"), environment);
    }
    return environment;
}

} // namespace labctl::supervisor
