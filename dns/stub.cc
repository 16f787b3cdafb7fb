#include "dns/stub.h"

#include <algorithm>

namespace dns {
namespace {

std::vector<Name>
candidate_names(std::string_view text, const ResolvConf& conf, StubResolver::Flavour flavour) {
    std::vector<Name> names;
    const auto as_is = Name::parse(text);
    if (!as_is) {
        return names;
    }
    const auto dots = static_cast<unsigned>(std::count(text.begin(), text.end(), '.'));
    const bool first = dots >= conf.ndots();
    // With enough dots musl does not search at all (its name_from_dns_search).
    if (text.ends_with('.') || (first && flavour == StubResolver::Flavour::Musl)) {
        return {*as_is};
    }
    if (first) {
        names.push_back(*as_is);
    }
    for (const auto& search : conf.searches) {
        const auto suffix = Name::parse(search);
        const auto name = suffix ? as_is->under(*suffix) : std::nullopt;
        if (name) {
            names.push_back(*name);
        }
    }
    if (!first) {
        names.push_back(*as_is);
    }
    return names;
}

} // namespace

StubResolver::StubResolver(
    std::string_view name,
    const ResolvConf& conf,
    std::vector<std::uint16_t> types,
    Flavour flavour)
    : candidates_(candidate_names(name, conf, flavour)), types_(std::move(types)),
      flavour_(flavour) {
    if (candidates_.empty()) {
        outcome_ = Outcome::NotFound;
    }
}

std::optional<StubResolver::Step> StubResolver::next() const {
    if (outcome_ != Outcome::Running) {
        return std::nullopt;
    }
    return Step{candidates_[at_], types_};
}

void StubResolver::answered(const std::vector<Answer>& answers) {
    if (outcome_ != Outcome::Running) {
        return;
    }
    bool name_error = false;
    bool failure = false;
    bool timed_out = false;
    bool found = false;
    std::vector<Record> records;
    for (const auto& answer : answers) {
        timed_out = timed_out || answer.timed_out;
        name_error = name_error || (!answer.timed_out && answer.rcode == Rcode::NxDomain);
        failure = failure || (!answer.timed_out && answer.rcode != Rcode::NoError &&
                              answer.rcode != Rcode::NxDomain);
        for (const auto& record : answer.records) {
            const bool wanted =
                record.type == answer.type || answer.type == static_cast<std::uint16_t>(Type::Any);
            found = found || (!answer.timed_out && wanted);
            if (std::find(records.begin(), records.end(), record) == records.end()) {
                records.push_back(record);
            }
        }
    }
    const bool musl = flavour_ == Flavour::Musl;
    if (musl && name_error) {
        found = false; // on either of the two it means: no such name
    }
    if (found) {
        records_ = std::move(records);
        outcome_ = Outcome::Found;
    } else if (timed_out || (musl && failure)) {
        outcome_ = Outcome::TryAgain;
    } else if (musl && !name_error) {
        outcome_ = Outcome::NoData;
    } else {
        saw_failure_ = saw_failure_ || failure;
        saw_no_data_ = saw_no_data_ || (!name_error && !failure);
        ++at_;
        if (at_ == candidates_.size()) {
            end_of_list();
        }
    }
}

void StubResolver::end_of_list() {
    // glibc's res_nsearch: data that was missing beats a name that was missing, a failure comes
    // last.
    outcome_ = saw_no_data_   ? Outcome::NoData
               : saw_failure_ ? Outcome::TryAgain
                              : Outcome::NotFound;
}

} // namespace dns
