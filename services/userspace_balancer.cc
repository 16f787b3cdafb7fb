#include "services/userspace_balancer.h"

#include <algorithm>

namespace services {

void UserspaceBalancer::set_service(const ServicePortName& name, std::uint32_t affinity_seconds) {
    auto& port = ports_[name];
    port.affinity = std::chrono::seconds{affinity_seconds};
    if (affinity_seconds == 0) {
        port.clients.clear();
    }
}

void UserspaceBalancer::set_endpoints(
    const ServicePortName& name, std::vector<netemu::Endpoint> endpoints) {
    auto& port = ports_[name];
    auto known = port.endpoints;
    std::sort(known.begin(), known.end());
    std::sort(endpoints.begin(), endpoints.end());
    if (known == endpoints) {
        return;
    }
    std::erase_if(port.clients, [&](const auto& client) {
        return !std::binary_search(endpoints.begin(), endpoints.end(), client.second.endpoint);
    });
    std::shuffle(endpoints.begin(), endpoints.end(), random_);
    port.endpoints = std::move(endpoints);
    port.index = 0;
}

std::optional<netemu::Endpoint>
UserspaceBalancer::next(const ServicePortName& name, const IpAddress& client, bool reset_affinity) {
    const auto found = ports_.find(name);
    if (found == ports_.end() || found->second.endpoints.empty()) {
        return std::nullopt;
    }
    auto& port = found->second;
    const auto now = clock_();
    const bool sticky = port.affinity.count() != 0;
    if (sticky && !reset_affinity) {
        const auto known = port.clients.find(client);
        if (known != port.clients.end() && now - known->second.last_used < port.affinity) {
            known->second.last_used = now;
            return known->second.endpoint;
        }
    }
    const auto& endpoint = port.endpoints[port.index];
    port.index = (port.index + 1) % port.endpoints.size();
    if (sticky) {
        port.clients.insert_or_assign(client, Client{endpoint, now});
    }
    return endpoint;
}

void UserspaceBalancer::forget_expired() {
    const auto now = clock_();
    for (auto& [name, port] : ports_) {
        std::erase_if(port.clients, [&, affinity = port.affinity](const auto& client) {
            return now - client.second.last_used >= affinity;
        });
    }
}

std::size_t UserspaceBalancer::clients(const ServicePortName& name) const {
    const auto found = ports_.find(name);
    return found == ports_.end() ? 0 : found->second.clients.size();
}

std::vector<UserspaceBalancer::Remembered>
UserspaceBalancer::remembered(const ServicePortName& name) const {
    std::vector<Remembered> result;
    const auto found = ports_.find(name);
    if (found == ports_.end()) {
        return result;
    }
    const auto now = clock_();
    for (const auto& [address, client] : found->second.clients) {
        const auto left = found->second.affinity - (now - client.last_used);
        if (left > left.zero()) {
            result.push_back({address, client.endpoint, left});
        }
    }
    return result;
}

std::optional<UserspaceTries::Try> UserspaceTries::next() {
    if (tries_ == kUserspaceDialTimeouts.size()) {
        return std::nullopt;
    }
    const auto endpoint = balancer_.next(name_, client_, tries_ > 0);
    if (!endpoint) {
        return std::nullopt;
    }
    return Try{*endpoint, kUserspaceDialTimeouts.at(tries_++)};
}

} // namespace services
