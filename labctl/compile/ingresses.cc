#include "labctl/compile/ingresses.h"

#include <utility>

#include "labctl/compile/ingress_rules.h"

namespace labctl::compile {

Ingresses::Ingresses(store::Store& store) : store_(store) {
    for (const auto& slice : store_.list("EndpointSlice")) {
        (void)slices_.note(*slice, true);
    }
    watch_ = store_.watch([this](const store::Event& event) { on_event(event); });
}

Ingresses::~Ingresses() {
    store_.unwatch(watch_);
}

void Ingresses::on_event(const store::Event& event) {
    const auto kind = event.object->kind();
    if (kind == "Ingress") {
        dirty_ = dirty_ || !event.status_only;
    } else if (kind == "IngressClass") {
        dirty_ = true;
    } else if (kind == "Service") {
        dirty_ = dirty_ || services_.contains({event.object->ns(), event.object->name()});
    } else if (kind == "Secret") {
        dirty_ = dirty_ || secrets_.contains({event.object->ns(), event.object->name()});
    } else if (kind == "EndpointSlice") {
        if (event.previous) {
            (void)slices_.note(*event.previous, false);
        }
        const auto service = slices_.note(*event.object, event.type != store::EventType::Deleted);
        dirty_ = dirty_ || (service && services_.contains(*service));
    }
}

Ingresses::Update Ingresses::update() {
    Update update;
    if (!std::exchange(dirty_, false)) {
        return update;
    }
    IngressRulesBuilder builder(store_, slices_);
    builder.build();
    for (const auto& [controller, table] : tables_) {
        builder.tables.try_emplace(controller); // it had rules, and has none any more
    }
    for (const auto& [controller, table] : builder.tables) {
        const auto before = tables_.find(controller);
        if (before == tables_.end() || !(before->second == table)) {
            update.tables.emplace(controller, table);
        }
    }
    std::set<std::pair<std::string, std::string>> told;
    for (auto& note : builder.notes) {
        const auto& said = *told.emplace(note.ingress->uid(), note.text).first;
        if (!told_.contains(said)) {
            update.notes.push_back(std::move(note));
        }
    }
    tables_ = std::move(builder.tables);
    services_ = builder.services();
    secrets_ = std::move(builder.secrets);
    told_ = std::move(told);
    return update;
}

} // namespace labctl::compile
