#include "labctl/check/batch.h"

#include <charconv>

namespace labctl::check {

namespace {

/// Equal for equal probes. The separator cannot be in any of the parts that come before the body.
std::string key_of(const probe::Request& request) {
    std::string key = request.from;
    const auto add = [&](const std::string& part) {
        key += '\n';
        key += part;
    };
    add(request.to.text);
    add(request.via);
    add(request.method);
    add(std::to_string(request.timeout_ms) + " " + std::to_string(request.count) + " " +
        std::to_string(request.concurrency) + " " + std::to_string(request.source_port) + " " +
        std::to_string(request.size));
    for (const auto& [name, value] : request.headers) {
        add(name + ":" + value);
    }
    add(std::to_string(request.body.size()));
    add(request.body);
    add(request.ca);
    return key;
}

} // namespace

std::size_t Batch::add(probe::Request request) {
    const auto [entry, is_new] = index_.try_emplace(key_of(request), list_.probes.size());
    if (is_new) {
        request.id = std::to_string(list_.probes.size());
        list_.probes.push_back(std::move(request));
    }
    return entry->second;
}

void Batch::run(const ProbeRunner& runner) {
    probe::RequestList next;
    next.probes.assign(
        list_.probes.begin() + static_cast<std::ptrdiff_t>(results_.size()), list_.probes.end());
    if (next.probes.empty()) {
        return;
    }
    results_.resize(list_.probes.size());
    for (auto& result : runner(next)) {
        std::size_t index = 0;
        const auto& id = result.id;
        const auto parsed = std::from_chars(id.data(), id.data() + id.size(), index);
        if (parsed.ec != std::errc{} || index >= results_.size()) {
            continue;
        }
        if (result.first.outcome == probe::Outcome::Ok) {
            sends_.emplace(list_.probes[index].from, index);
            listens_.emplace(list_.probes[index].to.text, index);
        }
        results_[index] = std::move(result);
    }
}

const probe::Result* Batch::result(std::size_t index) const {
    const auto& result = results_.at(index);
    return result ? &*result : nullptr;
}

std::optional<std::string> Batch::reached_by(const std::string& from) const {
    const auto found = sends_.find(from);
    if (found == sends_.end()) {
        return std::nullopt;
    }
    return "it reached " + request(found->second).to.text;
}

std::optional<std::string> Batch::who_reached(const std::string& to) const {
    const auto found = listens_.find(to);
    if (found == listens_.end()) {
        return std::nullopt;
    }
    return request(found->second).from + " got an answer";
}

} // namespace labctl::check
