/// The side of TLS of what a Gateway's pods answer from.
#include <algorithm>
#include <utility>

#include "labctl/dataplane/gateway_pod.h"
#include "labctl/dataplane/ingress_tls.h"
#include "mesh/tls/certificate.h"
#include "mesh/tls/config.h"

namespace labctl::dataplane {
namespace {

using Identities = std::vector<std::shared_ptr<const mesh::TlsIdentity>>;

/// What sessions of one port choose from, also those that outlive the rules.
struct ListenerChoice {
    services::GatewayTable listeners; // those of the port that speak TLS, and nothing else
    Identities identities;            // of all certificates

    [[nodiscard]] std::shared_ptr<const mesh::TlsIdentity>
    choose(std::uint16_t port, std::string_view name) const {
        const auto* listener = services::gateway_listener(listeners, port, name);
        if (listener == nullptr) {
            return nullptr;
        }
        const auto chosen = services::gateway_certificate(
            *listener, name, [this](std::uint32_t certificate, std::string_view wanted) {
                const auto& identity = identities.at(certificate);
                return identity && identity->covers(wanted);
            });
        return chosen ? identities.at(*chosen) : nullptr;
    }
};

std::shared_ptr<const mesh::TlsServerConfig> serving(
    std::function<std::shared_ptr<const mesh::TlsIdentity>(std::string_view server_name)> choose) {
    mesh::TlsServerSettings settings;
    settings.alpn = {"h2", "http/1.1"};
    settings.identity = std::move(choose);
    return mesh::TlsServerConfig::make(std::move(settings));
}

void note_expressions(GatewayRules& rules, const services::GatewayMatch& match) {
    const auto note = [&rules](const std::string& text) {
        rules.expressions.try_emplace(text, text);
    };
    if (match.path_kind == services::GatewayPathKind::Regex) {
        note(match.path);
    }
    for (const auto* values : {&match.headers, &match.query}) {
        for (const auto& value : *values) {
            value.is_regex ? note(value.value) : void();
        }
    }
}

void note_expressions(GatewayRules& rules) {
    for (const auto& route : rules.table.routes) {
        for (const auto& rule : route.rules) {
            for (const auto& match : rule.matches) {
                note_expressions(rules, match);
            }
        }
    }
}

} // namespace

std::shared_ptr<const GatewayRules>
make_gateway_rules(services::GatewayTable table, const GatewayRules* before) {
    auto rules = std::make_shared<GatewayRules>();
    rules->table = std::move(table);
    note_expressions(*rules);
    for (const auto& certificate : rules->table.certificates) {
        rules->identities.push_back(
            before == nullptr
                ? read_edge_identity(certificate, {}, {})
                : read_edge_identity(certificate, before->table.certificates, before->identities));
    }
    rules->nobody =
        before != nullptr ? before->nobody : serving([](std::string_view) { return nullptr; });
    std::map<std::uint16_t, std::shared_ptr<ListenerChoice>> choices;
    for (const auto& listener : rules->table.listeners) {
        if (!listener.tls) {
            continue;
        }
        auto& choice = choices[listener.port];
        if (!choice) {
            choice = std::make_shared<ListenerChoice>();
            choice->identities = rules->identities;
        }
        auto bare = listener;
        bare.entries.clear();
        choice->listeners.listeners.push_back(std::move(bare));
    }
    for (const auto& [port, choice] : choices) {
        rules->tls[port] = serving([choice = choice, port = port](std::string_view name) {
            return choice->choose(port, name);
        });
    }
    return rules;
}

} // namespace labctl::dataplane
