#include "labctl/compile/dns_files.h"

#include <optional>

#include "dns/zone_file.h"
#include "labctl/compile/bootstrap_dns.h"
#include "netemu/base/error.h"

namespace labctl::compile {

namespace {

using api::at;
using api::string_at;

constexpr const char* kCorednsDirectory = "/etc/coredns"; // kubeadm's

/// Where and what of the ConfigMap is mounted.
struct CorednsMount {
    std::string directory = kCorednsDirectory;
    std::string volume;
    std::optional<std::map<std::string, std::string>> items; // path -> key; none: every key
};

const api::Json* volume_of(const api::Json& pod, const std::string& config_map) {
    for (const auto& volume : at(pod, "volumes")) {
        if (string_at(volume, "configMap.name") == config_map) {
            return &volume;
        }
    }
    return nullptr;
}

CorednsMount coredns_mount(const store::Store& store, const std::string& config_map) {
    CorednsMount mount;
    const auto deployment = store.get({"Deployment", kDnsNamespace, "coredns"});
    const auto& pod = deployment ? at(deployment->body, "spec.template.spec") : api::Json();
    const auto* volume = volume_of(pod, config_map);
    if (volume == nullptr) {
        return mount;
    }
    mount.volume = string_at(*volume, "name");
    for (const auto& container : at(pod, "containers")) {
        for (const auto& entry : at(container, "volumeMounts")) {
            if (string_at(entry, "name") == mount.volume) {
                mount.directory = string_at(entry, "mountPath", kCorednsDirectory);
            }
        }
    }
    const auto& items = at(*volume, "configMap.items");
    if (items.is_array() && !items.empty()) {
        mount.items.emplace();
        for (const auto& item : items) {
            mount.items->emplace(string_at(item, "path"), string_at(item, "key"));
        }
    }
    return mount;
}

class DnsFileReader {
public:
    DnsFileReader(const store::Store& store, const api::Object& config_map)
        : mount_(coredns_mount(store, config_map.name())), data_(at(config_map.body, "data")) {}

    /// The text of a file; nullopt, with `why`, if the pods have none of that name.
    std::optional<std::string> text(const std::string& path, std::string& why) const {
        const auto prefix = mount_.directory + (mount_.directory.ends_with('/') ? "" : "/");
        if (!path.starts_with(prefix)) {
            why = "no such file; the pods have those of the ConfigMap in " + mount_.directory;
            return std::nullopt;
        }
        auto key = path.substr(prefix.size());
        if (mount_.items) {
            const auto item = mount_.items->find(key);
            if (item == mount_.items->end()) {
                why = "no such file: volume '" + mount_.volume +
                      "' of Deployment coredns mounts nothing but its `items`; add " + key;
                return std::nullopt;
            }
            key = item->second;
        }
        const auto found = data_.is_object() ? data_.find(key) : data_.end();
        if (!data_.is_object() || found == data_.end() || !found->is_string()) {
            why = "no such file: the ConfigMap has no key '" + key + "'";
            return std::nullopt;
        }
        return found->get<std::string>();
    }

private:
    CorednsMount mount_;
    const api::Json& data_;
};

std::string at_line(std::size_t line, const std::string& what) {
    return "Corefile:" + std::to_string(line) + ": " + what;
}

} // namespace

DnsFiles read_dns_files(
    const store::Store& store, const dns::Corefile& corefile, const api::Object& config_map) {
    const DnsFileReader reader(store, config_map);
    DnsFiles files;
    for (const auto& block : corefile.servers) {
        for (const auto& file : block.files) {
            std::string why;
            const auto text = reader.text(file.path, why);
            if (!text) {
                throw netemu::UsageError(at_line(file.line, "file " + file.path + ": " + why));
            }
            for (const auto& zone : file.zones) {
                (void)dns::StaticZone(zone, *text, file.path.substr(file.path.rfind('/') + 1));
            }
            files.texts.emplace(file.path, *text);
        }
        if (!block.hosts || block.hosts->file.empty() || block.hosts->file == "/etc/hosts") {
            continue;
        }
        std::string why;
        if (const auto text = reader.text(block.hosts->file, why)) {
            files.texts.emplace(block.hosts->file, *text);
        } else { // coredns warns, and goes on without
            files.warning = at_line(block.hosts->line, "hosts " + block.hosts->file + ": " + why);
        }
    }
    return files;
}

} // namespace labctl::compile
