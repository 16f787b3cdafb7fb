#include "tests/unit/mesh_istio_fixture.h"

namespace mesh_istio_test {

ConnectionFacts connection(const std::string& peer_id, const std::string& source) {
    ConnectionFacts facts;
    if (!peer_id.empty()) {
        facts.peer_id = peer_id;
    }
    facts.source = netemu::IpAddress::parse(source).value();
    facts.destination = netemu::Endpoint::parse("10.1.0.9:8080").value();
    return facts;
}

AuthorizationPolicy policy(Action action, const std::string& name, std::vector<Rule> rules) {
    AuthorizationPolicy made;
    made.ns = "prod";
    made.name = name;
    made.action = action;
    made.rules = std::move(rules);
    return made;
}

Rule from(Source source) {
    return {{std::move(source)}, {}, {}};
}

Rule to(Operation operation) {
    return {{}, {std::move(operation)}, {}};
}

Rule when(const std::string& key, FieldValues values) {
    return {{}, {}, {{key, std::move(values)}}};
}

bool matches(const Rule& rule, const ConnectionFacts& peer, const OwnedRequest& request) {
    const std::vector policies{policy(Action::Deny, "p", {rule})};
    const auto facts = request.facts();
    return !decide(policies, peer, &facts).allowed;
}

} // namespace mesh_istio_test
