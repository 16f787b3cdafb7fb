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

Gateways::Gateways(store::Store& store) : store_(store) {
    for (const auto& slice : store_.list("EndpointSlice")) {
        (void)slices_.note(*slice, true);
    }
    watch_ = store_.watch([this](const store::Event& event) { on_event(event); });
}

Gateways::~Gateways() {
    store_.unwatch(watch_);
}

void Gateways::on_event(const store::Event& event) {
    const auto kind = event.object->kind();
    const Key key{event.object->ns(), event.object->name()};
    if (is_gateway_kind(kind)) {
        dirty_ = dirty_ || !event.status_only;
    } else if (kind == "Service") {
        dirty_ = dirty_ || services_.contains(key);
    } else if (kind == "Secret") {
        dirty_ = dirty_ || secrets_.contains(key);
    } else if (kind == "EndpointSlice") {
        if (event.previous) {
            (void)slices_.note(*event.previous, false);
        }
        const auto service = slices_.note(*event.object, event.type != store::EventType::Deleted);
        dirty_ = dirty_ || (service && services_.contains(*service));
    }
}

Gateways::Update Gateways::update() {
    Update update;
    if (!std::exchange(dirty_, false)) {
        return update;
    }
    GatewayRulesBuilder builder(store_, slices_);
    builder.build();
    for (const auto& [gateway, table] : tables_) {
        builder.tables.try_emplace(gateway); // it had rules, and has none any more
    }
    for (const auto& [gateway, table] : builder.tables) {
        const auto before = tables_.find(gateway);
        if (before == tables_.end() || !(before->second == table)) {
            update.tables.emplace(gateway, table);
        }
    }
    std::set<std::pair<std::string, std::string>> told;
    for (const auto& note : builder.notes) {
        const auto& said = *told.emplace(note.object->uid(), note.path + ": " + note.text).first;
        if (!told_.contains(said)) {
            update.notes.push_back(note);
        }
    }
    notes_ = std::move(builder.notes);
    tables_ = std::move(builder.tables);
    services_ = builder.services();
    secrets_ = std::move(builder.secrets);
    told_ = std::move(told);
    return update;
}

} // namespace labctl::compile
