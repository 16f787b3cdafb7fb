#include "labctl/supervisor/cni_attachments.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <unistd.h>

#include "labctl/compile/network_view.h"
#include "labctl/supervisor/cni_process.h"
#include "labctl/supervisor/paths.h"
#include "netemu/base/error.h"
#include "netemu/base/event_loop.h"

namespace labctl::supervisor {

namespace {

using api::Json;

constexpr const char* kAttachmentEnd = ".json";

Json attachment_json(const CniAttachment& attachment) {
    Json ranges = Json::array();
    for (const auto& range : attachment.place.ranges) {
        ranges.push_back(range.to_string());
    }
    return {
        {"namespace", attachment.pod.ns},
        {"pod", attachment.pod.name},
        {"uid", attachment.uid},
        {"node", attachment.node},
        {"name", attachment.list.name},
        {"cniVersion", attachment.list.version},
        {"plugins", attachment.list.plugins},
        {"binDir", attachment.bin_dir},
        {"dataDir", attachment.place.data_dir},
        {"ranges", std::move(ranges)},
        {"capabilities", attachment.place.capability_arguments},
        {"result", attachment.result}};
}

/// Throws Json's exceptions for what is no attachment.
CniAttachment read_attachment(const Json& json) {
    CniAttachment attachment;
    attachment.pod = {
        "Pod", json.at("namespace").get<std::string>(), json.at("pod").get<std::string>()};
    json.at("uid").get_to(attachment.uid);
    json.at("node").get_to(attachment.node);
    attachment.list.name = json.at("name").get<std::string>();
    attachment.list.version = json.at("cniVersion").get<std::string>();
    attachment.list.plugins = json.at("plugins").get<std::vector<Json>>();
    json.at("binDir").get_to(attachment.bin_dir);
    json.at("dataDir").get_to(attachment.place.data_dir);
    for (const auto& range : json.at("ranges")) {
        if (const auto prefix = netemu::IpPrefix::parse(range.get<std::string>())) {
            attachment.place.ranges.push_back(*prefix);
        }
    }
    attachment.place.capability_arguments = json.at("capabilities");
    attachment.result = json.at("result");
    return attachment;
}

/// What the program said, or nothing when it did its work.
std::string run_delete(const CniAttachment& attachment, std::size_t position) {
    CniProcessSpec spec;
    spec.program =
        attachment.bin_dir + "/" + api::string_at(attachment.list.plugins[position], "type");
    spec.environment = cni_environment(attachment, "DEL", {});
    spec.environment["PATH"] = cni_program_path();
    spec.input =
        cni::plugin_input(attachment.list, position, attachment.place, attachment.result).dump();
    const auto what = "CNI DEL of " + attachment.pod.ns + "/" + attachment.pod.name + " by " +
                      api::string_at(attachment.list.plugins[position], "type") + ": ";
    try {
        netemu::EventLoop loop;
        CniProcessEnd end;
        const CniProcess process(loop, spec, [&](CniProcessEnd ended) {
            end = std::move(ended);
            loop.stop();
        });
        loop.run();
        return end.status == 0 ? "" : what + words_of(end);
    } catch (const netemu::Error& error) {
        return what + error.what();
    }
}

} // namespace

cni::Environment
cni_environment(const CniAttachment& attachment, const char* command, const std::string& netns) {
    auto container = attachment.uid;
    std::erase(container, '-');
    return {
        {"CNI_COMMAND", command},
        {"CNI_CONTAINERID", container},
        {"CNI_NETNS", netns},
        {"CNI_IFNAME", compile::kEth0},
        {"CNI_ARGS",
         "IgnoreUnknown=1;K8S_POD_NAMESPACE=" + attachment.pod.ns +
             ";K8S_POD_NAME=" + attachment.pod.name + ";K8S_POD_INFRA_CONTAINER_ID=" + container +
             ";K8S_POD_UID=" + attachment.uid},
        {"CNI_PATH", attachment.bin_dir}};
}

void CniAttachments::remember(const CniAttachment& attachment) const {
    make_directories(directory_);
    const auto path = directory_ + "/" + attachment.uid + kAttachmentEnd;
    const auto beside = path + ".new";
    std::ofstream file(beside);
    file << attachment_json(attachment).dump(2) << "\n";
    file.close();
    if (!file || ::rename(beside.c_str(), path.c_str()) != 0) {
        throw netemu::SysError("write " + path, errno);
    }
}

void CniAttachments::forget(const std::string& uid) const {
    (void)::unlink((directory_ + "/" + uid + kAttachmentEnd).c_str());
}

std::vector<CniAttachment> CniAttachments::all() const {
    std::vector<CniAttachment> attachments;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory_, ignored)) {
        if (entry.path().extension() != kAttachmentEnd) {
            continue;
        }
        std::ifstream file(entry.path());
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        try {
            auto attachment = read_attachment(Json::parse(text));
            if (attachment.uid == entry.path().stem()) {
                attachments.push_back(std::move(attachment));
            }
        } catch (const Json::exception&) {
            continue;
        }
    }
    std::sort(attachments.begin(), attachments.end(), [](const auto& a, const auto& b) {
        return a.uid < b.uid;
    });
    return attachments;
}

std::vector<std::string> release_attachments(const std::string& directory) {
    std::vector<std::string> complaints;
    const CniAttachments attachments(directory);
    for (const auto& attachment : attachments.all()) {
        for (auto left = attachment.list.plugins.size(); left > 0; --left) {
            if (auto words = run_delete(attachment, left - 1); !words.empty()) {
                complaints.push_back(std::move(words));
            }
        }
        attachments.forget(attachment.uid);
    }
    return complaints;
}

} // namespace labctl::supervisor
