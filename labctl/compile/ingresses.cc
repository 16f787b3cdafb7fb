#include "labctl/compile/ingresses.h"

#include <utility>

#include "labctl/compile/ingress_rules.h"

namespace labctl::compile {

Ingresses::Ingresses(store::Store& store)
    : store_(store), watch_(store, [](const store::Event& event) {
          const auto kind = event.object->kind();
          return kind == "IngressClass" || (kind == "Ingress" && !event.status_only);
      }) {
}

Ingresses::Update Ingresses::update() {
    Update update;
    if (!watch_.take_changed()) {
        return update;
    }
    IngressRulesBuilder builder(store_, watch_.slices());
    builder.build();
    update.tables = changed_tables(tables_, builder.tables);
    std::set<std::pair<std::string, std::string>> told;
    for (auto& note : builder.notes) {
        const auto& said = *told.emplace(note.ingress->uid(), note.text).first;
        if (!told_.contains(said)) {
            update.notes.push_back(std::move(note));
        }
    }
    tables_ = std::move(builder.tables);
    watch_.follow(builder.services(), std::move(builder.secrets));
    told_ = std::move(told);
    return update;
}

} // namespace labctl::compile
