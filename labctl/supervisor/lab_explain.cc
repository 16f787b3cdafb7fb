#include "labctl/compile/explain.h"
#include "labctl/supervisor/lab.h"
#include "netemu/base/error.h"

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
    return compile::explain_path(
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
        });
}

api::Json Lab::affinity(const std::string& ns) {
    return compile::affinity_list(store_, *proxies_, ns, affinity_reader(*kernel_));
}

} // namespace labctl::supervisor
