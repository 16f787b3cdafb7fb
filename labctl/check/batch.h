#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "labctl/check/evaluate.h"
#include "labctl/check/expand.h"
#include "labctl/check/judge.h"

/// The probes of one round: each distinct one is sent once, however many assertions ask for it.
/// Private to the room.
namespace labctl::check {

class Batch {
public:
    /// Returns the probe's index; that of an equal one that is there already.
    std::size_t add(probe::Request request);
    /// Sends those that were not sent yet.
    void run(const ProbeRunner& runner);

    [[nodiscard]] std::size_t size() const { return list_.probes.size(); }
    [[nodiscard]] const probe::Request& request(std::size_t index) const {
        return list_.probes[index];
    }
    /// nullptr when nothing came back for it.
    [[nodiscard]] const probe::Result* result(std::size_t index) const;

    /// What shows that the source can send: any of its probes that was answered. And that the
    /// target listens: any probe to it that was answered.
    [[nodiscard]] std::optional<std::string> who_reached(const std::string& to) const;
    [[nodiscard]] std::optional<std::string> reached_by(const std::string& from) const;

private:
    probe::RequestList list_;
    std::vector<std::optional<probe::Result>> results_;
    std::unordered_map<std::string, std::size_t> index_;
    std::unordered_map<std::string, std::size_t> sends_;   // from -> a probe that was answered
    std::unordered_map<std::string, std::size_t> listens_; // to -> likewise
};

} // namespace labctl::check
