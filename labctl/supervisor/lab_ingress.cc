#include "labctl/compile/gateways.h"
#include "labctl/compile/ingresses.h"
#include "labctl/explain/gateway.h"
#include "labctl/explain/ingress.h"
#include "labctl/supervisor/lab.h"

namespace labctl::supervisor {

namespace {

constexpr const char* kIngressComponent = "ingress-controller";
constexpr const char* kGatewayComponent = "gateway-controller";

} // namespace

/// What the Ingress controllers answer from has become. Tell it before their pods are served.
void Lab::update_ingresses() {
    const auto update = ingresses_->update();
    for (const auto& [controller, table] : update.tables) {
        dataplane_->change_ingress(controller, table);
    }
    for (const auto& note : update.notes) {
        if (note.warning) {
            cluster_->warn(kIngressComponent, *note.ingress, note.reason, note.text);
        } else {
            cluster_->note(kIngressComponent, *note.ingress, note.reason, note.text);
        }
    }
}

/// The same of Gateways.
void Lab::update_gateways() {
    const auto update = gateways_->update();
    for (const auto& [gateway, table] : update.tables) {
        dataplane_->change_gateway(gateway, table);
    }
    for (const auto& note : update.notes) {
        cluster_->warn(kGatewayComponent, *note.object, note.reason, note.path + ": " + note.text);
    }
}

bool Lab::is_gateway_url(const api::Json& question) const {
    return !explain::gateway_of_url(
                store_,
                cluster_->config(),
                gateways_->tables(),
                ingresses_->tables(),
                explain::ExplainQuestion::from_json(question))
                .empty();
}

api::Json Lab::explain_gateway(const api::Json& question) {
    const auto asked = explain::ExplainQuestion::from_json(question);
    auto answer = explain::explain_gateway(
        store_,
        cluster_->config(),
        *gateways_,
        explain::gateway_of_url(
            store_, cluster_->config(), gateways_->tables(), ingresses_->tables(), asked),
        asked);
    explain_edge_way(answer, asked);
    return answer;
}

api::Json Lab::explain_ingress(const api::Json& question) {
    const auto asked = explain::ExplainQuestion::from_json(question);
    auto answer = explain::explain_ingress(store_, cluster_->config(), ingresses_->tables(), asked);
    explain_edge_way(answer, asked);
    return answer;
}

} // namespace labctl::supervisor
