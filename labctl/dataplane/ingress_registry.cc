#include "labctl/dataplane/ingress_registry.h"

#include <string_view>

#include "labctl/dataplane/gateway_wire.h"
#include "labctl/dataplane/ingress_wire.h"
#include "labctl/dataplane/pieces.h"
#include "labctl/dataplane/wire.h"

namespace labctl::dataplane {

void IngressRegistry::set_channel(Channel* channel) {
    channel_ = channel;
    for (const auto& [controller, rules] : rules_) {
        send(controller, rules);
    }
}

void IngressRegistry::change(const std::string& controller, const services::IngressTable& table) {
    auto& rules = rules_[controller];
    rules = encode_ingress_table(table);
    send(controller, rules);
}

void IngressRegistry::change_gateway(
    const std::string& gateway, const services::GatewayTable& table) {
    const auto name = gateway_rules_name(gateway);
    auto& rules = rules_[name];
    rules = encode_gateway_table(table);
    send(name, rules);
}

void IngressRegistry::send(const std::string& controller, const std::string& rules) const {
    if (channel_ == nullptr) {
        return;
    }
    in_pieces(rules, [&](std::string_view piece) {
        channel_->send(WireWriter().op(Op::IngressRulesPiece).text(controller).text(piece).bytes());
    });
    channel_->send(WireWriter().op(Op::IngressRulesEnd).text(controller).bytes());
}

} // namespace labctl::dataplane
