#include "labctl/compile/gateways.h"

#include <algorithm>
#include <array>
#include <utility>

#include "labctl/compile/gateway_rules.h"

namespace labctl::compile {

bool is_gateway_kind(std::string_view kind) {
    constexpr std::array<std::string_view, 5> kKinds{
        "Gateway", "GatewayClass", "HTTPRoute", "ReferenceGrant", "Namespace"};
    return std::find(kKinds.begin(), kKinds.end(), kind) != kKinds.end();
}

Gateways::Gateways(store::Store& store)
    : store_(store), watch_(store, [](const store::Event& event) {
          return is_gateway_kind(event.object->kind()) && !event.status_only;
      }) {
}

Gateways::Update Gateways::update() {
    Update update;
    if (!watch_.take_changed()) {
        return update;
    }
    GatewayRulesBuilder builder(store_, watch_.slices());
    builder.build();
    update.tables = changed_tables(tables_, builder.tables);
    std::set<std::pair<std::string, std::string>> told;
    for (const auto& note : builder.notes) {
        const auto& said = *told.emplace(note.object->uid(), note.path + ": " + note.text).first;
        if (!told_.contains(said)) {
            update.notes.push_back(note);
        }
    }
    notes_ = std::move(builder.notes);
    tables_ = std::move(builder.tables);
    watch_.follow(builder.services(), std::move(builder.secrets));
    told_ = std::move(told);
    return update;
}

} // namespace labctl::compile
