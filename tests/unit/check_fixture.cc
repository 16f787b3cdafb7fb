#include "tests/unit/check_fixture.h"

#include <algorithm>

namespace labctl::check::testing {

namespace {

PodView
pod(const std::string& ns,
    const std::string& name,
    const std::string& node,
    const std::string& ip,
    std::vector<PortView> ports = {}) {
    PodView view;
    view.ns = ns;
    view.name = name;
    view.node = node;
    view.phase = "Running";
    view.ips = {ip};
    view.ports = std::move(ports);
    return view;
}

} // namespace

World small_world() {
    World world;
    world.nodes = {{"node-1", {"172.18.0.2"}}, {"node-2", {"172.18.0.3"}}};
    world.pods = {
        pod("default", "client", "node-1", "10.244.1.9"),
        pod("default", "db-0", "node-2", "10.244.2.4", {{"sql", 5432, "TCP"}}),
        pod("default", "frontend-a", "node-1", "10.244.1.2", {{"web", 8080, "TCP"}}),
        pod("default", "frontend-b", "node-2", "10.244.2.2", {{"web", 8080, "TCP"}}),
        pod("prod", "api", "node-1", "10.244.1.5", {{"http", 80, "TCP"}, {"dns", 53, "UDP"}})};
    world.pods[1].owners = {{"StatefulSet", "db"}};
    world.pods[2].owners = {{"ReplicaSet", "frontend-5d9"}, {"Deployment", "frontend"}};
    world.pods[3].owners = world.pods[2].owners;
    world.pods[4].labels = {{"app", "api"}, {"tier", "back"}};
    world.services = {{"default", "db", {"10.96.0.7"}, {{"sql", 5432, "TCP"}}}};
    world.workloads = {
        {"Deployment", "default", "frontend"},
        {"Deployment", "default", "idle"},
        {"StatefulSet", "default", "db"}};
    world.external_ips = {"172.18.0.1"};
    return world;
}

Assertion assertion(const api::Json& form, const std::string& ns) {
    return parse_assertion(form, {"checks.yaml", 7, 5}, ns);
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

probe::Result result_of(probe::Outcome outcome, const std::string& backend) {
    probe::Result result;
    result.attempts = 1;
    result.first.outcome = outcome;
    result.first.backend = backend;
    result.rtt_us = outcome == probe::Outcome::Ok ? 180 : 0;
    result.outcomes[probe::to_string(outcome)] = 1;
    return result;
}

FakeLab::FakeLab() : network([this](const auto& request) { return answer(request); }) {
}

probe::Result FakeLab::answer(const probe::Request& request) const {
    auto result = result_of(probe::Outcome::Ok);
    const auto target = by_address_.find(request.to.host);
    const auto source = by_id_.find(request.from);
    if (request.to.scheme != probe::Scheme::Icmp) {
        result.first.backend = target == by_address_.end() ? "" : target->second->id();
        result.first.client_ip = source == by_id_.end() ? "" : source->second->ips.front();
    }
    if (request.to.scheme == probe::Scheme::Http) {
        result.first.http =
            probe::Http{200, {{"server", "labctl"}}, "hello from " + request.to.path};
    }
    return result;
}

void FakeLab::index_world() {
    by_address_.clear();
    by_id_.clear();
    for (const auto& candidate : world.pods) {
        by_id_[candidate.id()] = &candidate;
        for (const auto& ip : candidate.ips) {
            by_address_[ip] = &candidate;
        }
    }
}

Hooks FakeLab::hooks() {
    Hooks hooks;
    hooks.world = [this] { return world; };
    hooks.run = [this](const probe::RequestList& list) {
        rounds.push_back(list);
        index_world();
        now += probe_time;
        std::vector<probe::Result> results;
        for (const auto& request : list.probes) {
            results.push_back(network(request));
            results.back().id = request.id;
        }
        std::ranges::reverse(results); // the order is nobody's business
        return results;
    };
    hooks.now = [this] { return now; };
    hooks.wait_until = [this](netemu::Clock::time_point when) { now = std::max(now, when); };
    hooks.dropped_by = dropped_by;
    hooks.why_allowed = why_allowed;
    hooks.endpoints = endpoints;
    hooks.finished = [this](const Record& record) { finished.push_back(record); };
    return hooks;
}

Report FakeLab::check(const std::vector<Assertion>& assertions, const Options& options) {
    const auto hooks_now = hooks();
    return evaluate(assertions, hooks_now, options);
}

Record FakeLab::check_one(const Assertion& one) {
    return check({one}).records.at(0);
}

std::vector<std::string> sent(const probe::RequestList& list) {
    std::vector<std::string> probes;
    for (const auto& request : list.probes) {
        probes.push_back(request.from + " " + request.to.text);
    }
    std::ranges::sort(probes);
    return probes;
}

} // namespace labctl::check::testing
