#include "labctl/report/identity_text.h"

#include <algorithm>

#include "labctl/report/printer_kinds.h"
#include "labctl/report/table.h"
#include "labctl/report/text.h"

namespace labctl::report {

namespace {

using api::at;
using api::Json;

constexpr std::size_t kPodsShown = 3;

std::vector<std::string> texts_of(const Json& list) {
    std::vector<std::string> texts;
    for (const auto& each : list) {
        texts.push_back(visible(each.is_string() ? each.get<std::string>() : each.dump()));
    }
    return texts;
}

std::string joined_with(const std::vector<std::string>& texts, const char* separator) {
    std::string text;
    for (const auto& each : texts) {
        text += (text.empty() ? "" : separator) + each;
    }
    return text;
}

/// What tells identities apart at a glance stands first; what all of them have is left out.
std::vector<std::string> telling_labels(const Json& labels) {
    auto texts = texts_of(labels);
    std::erase_if(texts, [](const std::string& label) {
        return label == "k8s:io.cilium.k8s.policy.cluster=default" ||
               label == "k8s:io.cilium.k8s.policy.serviceaccount=default" ||
               label.find("namespace.labels.kubernetes.io/metadata.name=") != std::string::npos;
    });
    return texts;
}

} // namespace

std::string tunnel_drops_text(const Json& tunnel) {
    std::string text;
    for (const auto& [reason, count] : at(tunnel, "drops").items()) {
        text += (text.empty() ? "" : ", ") + visible(reason) + " " + count.dump();
    }
    return text.empty() ? "none" : text;
}

std::string identity_of_pod(const Json& answer, const std::string& pod) {
    for (const auto& item : at(answer, "items")) {
        const auto pods = texts_of(at(item, "pods"));
        if (std::find(pods.begin(), pods.end(), pod) != pods.end()) {
            return at(item, "id").dump() + " (" +
                   joined_with(telling_labels(at(item, "labels")), ", ") + ")";
        }
    }
    return {};
}

std::string identity_tables(const Json& answer) {
    auto identities = Table::of({"ID", "LABELS", "PODS"});
    for (const auto& item : at(answer, "items")) {
        identities.add(
            {at(item, "id").dump(),
             joined_with(telling_labels(at(item, "labels")), ","),
             with_more(texts_of(at(item, "pods")), kPodsShown, "<none>")});
    }
    auto text = identities.render();
    const auto& tunnels = at(answer, "tunnels");
    if (tunnels.empty()) {
        return text;
    }
    auto carried = Table::of({"TUNNEL OF", "SENT", "RECEIVED", "DROPPED", "REASONS"});
    for (const auto& [node, tunnel] : tunnels.items()) {
        carried.add(
            {visible(node),
             at(tunnel, "sent").dump(),
             at(tunnel, "received").dump(),
             at(tunnel, "dropped").dump(),
             tunnel_drops_text(tunnel)});
    }
    return text + "\n" + carried.render();
}

} // namespace labctl::report
