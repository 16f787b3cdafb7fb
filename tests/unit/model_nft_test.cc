#include <map>
#include <random>

#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "netemu/base/error.h"
#include "netemu/model/nft_change.h"
#include "netemu/model/nft_text.h"
#include "netemu/model/plan.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/service_tables.h"

using namespace netemu;
using namespace netemu::test;

namespace {

/// A table as the kernel has it: objects by name, elements by set and key. Refuses what the kernel
/// refuses: doubles, what is absent, references to what is not there, deletion of what is in use.
class FakeTable {
public:
    explicit FakeTable(const NftTable& table) {
        add(table.sets, table.chains);
        for (const auto& part : table.parts) {
            add(part->contents().sets, part->contents().chains);
        }
        for (const auto& part : table.parts) {
            for (const auto& list : part->contents().elements) {
                add_elements(list.set, list.elements);
            }
        }
    }

    void apply(const NftChange& change) {
        for (const auto& set : change.added_sets) {
            require(sets_.try_emplace(set.name).second);
        }
        for (const auto& chain : change.added_chains) {
            require(chains_.try_emplace(chain.name).second);
        }
        for (const auto& set : change.removed_elements) {
            for (const auto& element : set.elements) {
                require(sets_.at(set.name).erase(element.key) == 1);
            }
        }
        for (const auto& name : change.flushed_chains) {
            chains_.at(name).clear();
        }
        for (const auto* list : {&change.refilled_chains, &change.added_chains}) {
            for (const auto& chain : *list) {
                chains_.at(chain.name) = chain.rules;
            }
        }
        for (const auto* list : {&change.added_sets, &change.added_elements}) {
            for (const auto& set : *list) {
                add_elements(set.name, set.elements);
            }
        }
        for (const auto& name : change.deleted_sets) {
            require(sets_.erase(name) == 1);
        }
        for (const auto& name : change.deleted_chains) {
            require(chains_.at(name).empty());
            chains_.erase(name);
        }
        check_references();
    }

    bool operator==(const FakeTable&) const = default;

private:
    static void require(bool condition) {
        if (!condition) {
            throw Error("the kernel would refuse it");
        }
    }

    void add(const std::vector<NftSet>& sets, const std::vector<NftChain>& chains) {
        for (const auto& set : sets) {
            require(sets_.try_emplace(set.name).second);
            add_elements(set.name, set.elements);
        }
        for (const auto& chain : chains) {
            require(chains_.emplace(chain.name, chain.rules).second);
        }
    }

    void add_elements(const std::string& set, const std::vector<NftElement>& elements) {
        for (const auto& element : elements) {
            require(sets_.at(set).emplace(element.key, element).second);
        }
    }

    void check_references() const {
        for (const auto& [name, elements] : sets_) {
            for (const auto& [key, element] : elements) {
                require(element.verdict != NftVerdict::Goto || chains_.contains(element.value));
            }
        }
        for (const auto& [name, rules] : chains_) {
            for (const auto& rule : rules) {
                for (const auto& statement : rule.statements) {
                    if (const auto* random = std::get_if<NftRandomGoto>(&statement)) {
                        for (const auto& chain : random->chains) {
                            require(chains_.contains(chain));
                        }
                    }
                    if (const auto* map = std::get_if<NftVerdictMap>(&statement)) {
                        require(sets_.contains(map->map));
                    }
                }
            }
        }
    }

    std::map<std::string, std::map<std::string, NftElement>> sets_;
    std::map<std::string, std::vector<NftRule>> chains_;
};

/// Random services, some of them the very same parts as those of `known`.
NftTable
random_table(std::mt19937& random, ServiceLayout layout, std::map<std::size_t, NftPartPtr>& known) {
    auto table = service_table(layout, 0, 3);
    std::vector<NftPartPtr> parts;
    for (std::size_t service = 0; service < 12; ++service) {
        const auto luck = random() % 4;
        if (luck == 0) {
            continue;
        }
        auto& part = known[service];
        if (part == nullptr || luck == 1) {
            part = service_part(layout, service, 2 + random() % 2);
        }
        parts.push_back(part);
    }
    if (random() % 2 == 0) {
        std::reverse(parts.begin(), parts.end());
    }
    table.parts = NftParts(std::move(parts));
    table.chains.front().rules.front().comment = random() % 2 == 0 ? "" : "changed";
    return table;
}

NftElements one_element(const char* set, const char* address) {
    return {set, {nft_member(NftBytes().address(*IpAddress::parse(address)))}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(nft)

BOOST_AUTO_TEST_CASE(a_change_leads_from_any_table_to_any_other) {
    std::mt19937 random(20261125);
    for (const auto layout : {ServiceLayout::Readable, ServiceLayout::Named, ServiceLayout::Flat}) {
        std::map<std::size_t, NftPartPtr> known;
        auto before = random_table(random, layout, known);
        FakeTable kernel(before);
        for (int round = 0; round < 200; ++round) {
            const auto after = random_table(random, layout, known);
            const auto change = nft_diff(before, after);
            BOOST_REQUIRE(change.has_value());
            BOOST_TEST((change == nft_diff(before, after)));
            BOOST_REQUIRE_NO_THROW(kernel.apply(*change));
            BOOST_REQUIRE((kernel == FakeTable(after)));
            BOOST_TEST((table_digest(before) == table_digest(after)) == change->empty());
            before = after;
        }
    }
}

BOOST_AUTO_TEST_CASE(equal_tables_differ_in_nothing) {
    const auto a = service_table(ServiceLayout::Readable, 5, 3);
    const auto b = service_table(ServiceLayout::Readable, 5, 3); // other pointers
    BOOST_TEST((a == b));
    BOOST_TEST(nft_diff(a, b)->empty());
    BOOST_TEST(to_text(*nft_diff(a, b)) == "");
    BOOST_TEST((nft_identity(a) == nft_identity(b)));
}

BOOST_AUTO_TEST_CASE(parts_that_come_and_go_add_up) {
    auto changed = service_table(ServiceLayout::Readable, 5, 3);
    changed.parts.replace(1, service_part(ServiceLayout::Readable, 7, 2));
    changed.parts.take_out(4); // the last
    changed.parts.take_out(0);
    changed.parts.push_back(service_part(ServiceLayout::Readable, 8, 1));
    auto fresh = service_table(ServiceLayout::Readable, 0, 3);
    for (const auto& [service, endpoints] : {std::pair{2U, 3U}, {3U, 3U}, {7U, 2U}, {8U, 1U}}) {
        fresh.parts.push_back(service_part(ServiceLayout::Readable, service, endpoints));
    }
    BOOST_TEST((nft_identity(changed) == nft_identity(fresh)));
    BOOST_TEST(nft_diff(changed, fresh)->empty());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_changed_in_place_is_replaced) {
    const auto before = service_table(ServiceLayout::Readable, 1, 2);
    auto after = before;
    after.sets[0].timeout_seconds = 1;
    BOOST_TEST(!nft_diff(before, after).has_value());
    after = before;
    after.chains.back().base->priority = 5;
    BOOST_TEST(!nft_diff(before, after).has_value());
    after.name = "other";
    BOOST_CHECK_THROW((void)nft_diff(before, after), Error);
}

BOOST_AUTO_TEST_CASE(counts_leave_out_what_packets_add) {
    auto table = service_table(ServiceLayout::Named, 2, 3);
    const auto counts = nft_counts(table);
    BOOST_TEST(counts.chains == 6U + 2 * 4);
    BOOST_TEST(counts.rules == 8U + 2 * (2 + 3 * 2));
    BOOST_TEST(counts.sets == 1U + 2);
    BOOST_TEST(counts.elements == 2U * (1 + 3));
    NftSet clients{"clients", {NftType::Ipv4}};
    clients.dynamic = true;
    clients.elements = one_element("", "10.0.0.1").elements;
    table.sets.push_back(clients);
    BOOST_TEST(nft_counts(table).elements == counts.elements);
}

BOOST_AUTO_TEST_CASE(a_change_reads_as_nft_commands) {
    NftTable before{NftFamily::Ip, "t", {{"old", {}, {}}, {"kept", {}, {}}}};
    NftSet ips{"ips", {NftType::Ipv4}};
    ips.elements = one_element("", "10.0.0.1").elements;
    before.sets = {ips};
    auto after = before;
    after.chains = {
        {"kept", {}, {{{NftSetVerdict{NftVerdict::Jump, "new"}}, "why"}}},
        {"new", {}, {{{NftCounter{}}, ""}}}};
    after.sets[0].elements = one_element("", "10.0.0.2").elements;
    after.sets[0].elements[0].comment = "x";
    BOOST_TEST(
        to_text(*nft_diff(before, after)) == "add chain ip t new\n"
                                             "delete element ip t ips { 10.0.0.1 }\n"
                                             "flush chain ip t kept\n"
                                             "flush chain ip t old\n"
                                             "add rule ip t kept jump new comment \"why\"\n"
                                             "add rule ip t new counter\n"
                                             "add element ip t ips { 10.0.0.2 comment \"x\" }\n"
                                             "delete chain ip t old\n");
}

BOOST_AUTO_TEST_CASE(a_plan_changes_what_it_knows_and_shares_the_change) {
    DesiredState state;
    for (const auto* node : {"node/a", "node/b"}) {
        auto& spec = state.namespaces[node];
        spec.role = NamespaceRole::Node;
        spec.tables = {service_table(ServiceLayout::Readable, 3, 3)};
    }
    auto next = state;
    for (auto& [name, spec] : next.namespaces) {
        spec.tables[0] = with_endpoint_gone(spec.tables[0], ServiceLayout::Readable, 1, 3);
    }
    FakeKernel kernel;
    kernel.apply(make_plan(state, {}));
    const auto plan = make_plan(next, expected_observation(state));
    BOOST_REQUIRE_EQUAL(plan.operations.size(), 2U);
    const auto& first = std::get<ChangeTable>(plan.operations[0]);
    const auto& second = std::get<ChangeTable>(plan.operations[1]);
    BOOST_TEST((first.change == second.change));
    BOOST_TEST(describe(plan.operations[0]).starts_with("node/a: nft "));
    BOOST_TEST(summarize(plan).at("change table") == 2U);
    kernel.fail_after(1, EBUSY);
    BOOST_CHECK_THROW(kernel.apply(plan), SysError);
    const auto rest = make_plan(next, kernel.observe()); // contents are not observed
    BOOST_REQUIRE_EQUAL(rest.operations.size(), 1U);
    BOOST_TEST(std::holds_alternative<ReplaceTable>(rest.operations[0]));
    kernel.apply(rest);
    BOOST_TEST(make_plan(next, kernel.observe()).empty());
    BOOST_TEST(make_plan(next, expected_observation(next)).empty());
}

BOOST_AUTO_TEST_CASE(keys_of_another_type_are_refused) {
    BOOST_CHECK_THROW((void)to_text(NftKeyType{NftType::Ipv6}, "abcd"), Error);
    const auto bytes = NftBytes().address(*IpAddress::parse("fd00::1")).protocol(6).port(80).str();
    BOOST_TEST(
        to_text(NftKeyType{NftType::Ipv6, NftType::Protocol, NftType::Port}, bytes) ==
        "fd00::1 . tcp . 80");
}

BOOST_AUTO_TEST_SUITE_END()
