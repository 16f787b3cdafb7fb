#include "labctl/compile/explain.h"
#include "labctl/compile/explain_policy.h"
#include "labctl/compile/policies.h"
#include "labctl/supervisor/lab.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::supervisor {

namespace {

compile::ElementReader affinity_reader(netemu::Kernel& kernel) {
    return [&kernel](
               const std::string& ns,
               netemu::NftFamily family,
               const std::string& table,
               const std::string& set) { return kernel.read_elements(ns, family, table, set); };
}

} // namespace

api::Json Lab::explain(const api::Json& question) {
    compile::ExplainQuestion asked;
    asked.from = question.value("from", "");
    asked.to = question.value("to", "");
    asked.ns = question.value("namespace", "default");
    if (asked.from.empty() || asked.to.empty()) {
        throw netemu::UsageError("'from' and 'to' say what to explain");
    }
    auto explanation = compile::explain_path(
        store_,
        cluster_->config(),
        *proxies_,
        asked,
        [this](const std::string& ns, netemu::NftFamily family, const std::string& table) {
            return kernel_->read_rules(ns, family, table);
        },
        affinity_reader(*kernel_),
        [this](const std::string& node, netemu::Family family) {
            return iptables_->counted(node, family);
        },
        [this](const std::string& ns) { return kernel_->virtual_servers(ns); });
    if (policies_->enforced()) {
        compile::explain_policies(explanation, policies_->evaluator());
    }
    return explanation;
}

void Lab::explain_by_packet(api::Json explanation, std::function<void(api::Json)> done) {
    const auto protocol = netemu::to_lower(api::string_at(explanation, "to.protocol"));
    probe::RequestList list;
    list.probes.emplace_back();
    list.probes[0].from = api::string_at(explanation, "from.name");
    list.probes[0].to =
        probe::Target::parse(protocol + "://" + api::string_at(explanation, "to.address"));
    probe(
        list,
        [explanation = std::move(explanation),
         done = std::move(done)](const std::vector<probe::Result>& results) mutable {
            const auto& sample = results.at(0).first;
            explanation["wire"] = probe::to_json(results.at(0));
            auto& summary = explanation["summary"];
            if (sample.drop) {
                summary = sample.drop->text;
                explanation["outcome"] = "denied";
            } else if (sample.outcome == probe::Outcome::Ok) {
                summary = summary.get<std::string>() + "; a packet was answered" +
                          (sample.backend.empty() ? "" : " by " + sample.backend);
            } else {
                summary = summary.get<std::string>() + "; a packet: " + sample.error;
            }
            done(std::move(explanation));
        });
}

api::Json Lab::affinity(const std::string& ns) {
    return compile::affinity_list(store_, *proxies_, ns, affinity_reader(*kernel_));
}

} // namespace labctl::supervisor
