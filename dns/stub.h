#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/message.h"
#include "dns/resolv_conf.h"

namespace dns {

/// What one C library's resolver does with a name (resolv.conf(5); the differences are in section
/// 7.3 of the reference): a state machine that says which query comes next and is told the answers.
/// No clock and no socket: for probes of names, and for telling a learner why a look-up takes eight
/// queries.
class StubResolver {
public:
    enum class Flavour : std::uint8_t { Glibc, Musl };

    /// `types`: what is asked for each candidate, for example A and AAAA at once.
    StubResolver(
        std::string_view name,
        const ResolvConf& conf,
        std::vector<std::uint16_t> types,
        Flavour flavour = Flavour::Glibc);

    /// One step: all queries that leave together for one candidate name.
    struct Step {
        Name name;
        std::vector<std::uint16_t> types;
    };
    /// The next queries, nullopt when it is over.
    [[nodiscard]] std::optional<Step> next() const;

    /// How a query ended; a time-out has no response.
    struct Answer {
        std::uint16_t type = 0;
        bool timed_out = false;
        Rcode rcode = Rcode::NoError;
        std::vector<Record> records; // the answer section
    };
    /// The answers to all queries of the step that `next` told of.
    void answered(const std::vector<Answer>& answers);

    enum class Outcome : std::uint8_t {
        Running,
        Found,
        NoData,   // the name exists, without such records
        NotFound, // NXDOMAIN for every candidate
        TryAgain, // SERVFAIL, REFUSED or silence
    };
    [[nodiscard]] Outcome outcome() const { return outcome_; }
    /// Records of the wanted types and the CNAMEs to them.
    [[nodiscard]] const std::vector<Record>& records() const { return records_; }
    /// Every candidate there is, in the order in which they are tried.
    [[nodiscard]] const std::vector<Name>& candidates() const { return candidates_; }

private:
    void end_of_list();

    std::vector<Name> candidates_;
    std::vector<std::uint16_t> types_;
    Flavour flavour_;
    std::size_t at_ = 0;
    Outcome outcome_ = Outcome::Running;
    std::vector<Record> records_;
    bool saw_no_data_ = false;
    bool saw_failure_ = false;
};

} // namespace dns
