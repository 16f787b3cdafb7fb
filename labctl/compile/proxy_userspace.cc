#include "labctl/compile/proxy_userspace.h"

#include "services/userspace_mode.h"

namespace labctl::compile {

UserspaceBackend::UserspaceBackend(
    netemu::Family family,
    const std::vector<services::ProxyNode>& nodes,
    services::UserspaceBind bind)
    : ProxyBackend(family), nodes_(nodes), bind_(bind) {
}

/// A service port keeps its socket for as long as it lives. More of them than there are ports get
/// none, and no rules.
void UserspaceBackend::take(const services::ServicePortUpdate& update) {
    const auto found = portals_.find(update.name);
    if (!update.now) {
        if (found != portals_.end()) {
            taken_.erase(found->second.proxy_port);
            portals_.erase(found);
        }
        return;
    }
    if (found != portals_.end()) {
        found->second.input = update.now;
        return;
    }
    if (taken_.size() == kPortsMax) {
        return;
    }
    auto port = kFirstPort;
    for (const auto each : taken_) { // ascending: the first gap is free
        if (each != port) {
            break;
        }
        ++port;
    }
    taken_.insert(port);
    portals_[update.name] = {update.now, port};
}

std::string UserspaceBackend::rules_for(const services::ProxyNode& node) const {
    const auto* address = node.primary(family());
    if (address == nullptr) {
        return {};
    }
    std::vector<services::UserspacePort> ports;
    ports.reserve(portals_.size());
    for (const auto& [name, portal] : portals_) {
        ports.push_back({portal.input.get(), portal.proxy_port});
    }
    return services::userspace_sync(ports, *address, bind_);
}

void UserspaceBackend::write_rules(ProxyWork& work) {
    std::map<std::string, std::string> now;
    for (const auto& node : nodes_) {
        auto& text = now[node.name];
        text = rules_for(node);
        const auto before = rules_.find(node.name);
        if (!text.empty() && before != rules_.end() && before->second != text) {
            work.restores.push_back({node.name, family(), text});
        }
    }
    rules_ = std::move(now);
}

void UserspaceBackend::update(std::vector<services::ServicePortUpdate> updates, ProxyWork& work) {
    for (const auto& update : updates) {
        take(update);
    }
    work.portals = true;
    write_rules(work);
}

void UserspaceBackend::rebuild(ProxyWork& work) {
    std::map<services::ServicePortName, services::ServicePortInputPtr> wanted;
    for (const auto& update : services_.all()) {
        wanted[update.name] = update.now;
    }
    std::vector<services::ServicePortUpdate> updates;
    for (const auto& [name, portal] : portals_) {
        if (!wanted.contains(name)) {
            updates.push_back({name, nullptr});
        }
    }
    for (const auto& [name, now] : wanted) {
        updates.push_back({name, now});
    }
    update(std::move(updates), work);
}

std::string UserspaceBackend::restore_text(std::size_t node) const {
    const auto rules = rules_for(nodes_.at(node));
    return rules.empty() ? rules : services::userspace_setup() + rules;
}

std::vector<Portal> UserspaceBackend::portals() const {
    std::vector<Portal> result;
    result.reserve(portals_.size());
    for (const auto& [name, portal] : portals_) {
        result.push_back(portal);
    }
    return result;
}

} // namespace labctl::compile
