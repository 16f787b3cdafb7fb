#include <random>

#include <boost/test/unit_test.hpp>

#include "netemu/model/nft_change.h"
#include "netemu/model/nft_text.h"
#include "services/decision.h"
#include "services/nftables_proxy.h"
#include "services/service_map.h"
#include "tests/unit/services_fixture.h"

/// Changes of the nftables proxy: what was written before and the change together are what is
/// wanted now, and a change concerns one Service.
using namespace services;
using namespace services::test;
using netemu::NftChange;
using netemu::NftTable;

namespace {

const SlicePort kHttp{"p80", Protocol::Tcp, 8080, ""};

/// What a kernel would hold, in a form that can be compared.
struct Held {
    std::map<std::string, std::vector<netemu::NftRule>> chains;
    std::map<std::string, std::map<std::string, netemu::NftElement>> sets;
    bool operator==(const Held&) const = default;

    explicit Held(const NftTable& table) {
        add(table.chains, table.sets);
        for (const auto& part : table.parts) {
            add(part->contents().chains, part->contents().sets);
            for (const auto& list : part->contents().elements) {
                insert(list.set, list.elements);
            }
        }
    }

    void apply(const NftChange& change) {
        for (const auto& chain : change.added_chains) {
            BOOST_TEST(!chains.contains(chain.name), "added twice: " << chain.name);
        }
        add(change.added_chains, change.added_sets);
        for (const auto& set : change.removed_elements) {
            for (const auto& element : set.elements) {
                BOOST_TEST(sets.at(set.name).erase(element.key) == 1U, "not there: " << set.name);
            }
        }
        for (const auto& chain : change.refilled_chains) {
            chains.at(chain.name) = chain.rules;
        }
        for (const auto& name : change.flushed_chains) {
            chains.at(name).clear();
        }
        for (const auto& set : change.added_elements) {
            insert(set.name, set.elements);
        }
        for (const auto& name : change.deleted_sets) {
            BOOST_TEST(sets.erase(name) == 1U);
        }
        for (const auto& name : change.deleted_chains) {
            BOOST_TEST(chains.at(name).empty(), "deleted with rules: " << name);
            chains.erase(name);
        }
    }

private:
    void add(const std::vector<netemu::NftChain>& more, const std::vector<netemu::NftSet>& all) {
        for (const auto& chain : more) {
            chains[chain.name] = chain.rules;
        }
        for (const auto& set : all) {
            sets[set.name];
            insert(set.name, set.elements);
        }
    }
    void insert(const std::string& set, const std::vector<netemu::NftElement>& elements) {
        for (const auto& element : elements) {
            BOOST_TEST(
                sets.at(set).emplace(element.key, element).second, "two owners of a key: " << set);
        }
    }
};

/// A cluster with one node, whose kernel takes every change.
struct Lab {
    explicit Lab(NftLayout layout = NftLayout::Readable)
        : cache(config(), layout), proxy(Family::V4, node(), cache), held(proxy.table()) {}

    std::size_t update(const Service& made, const std::vector<Endpoint>& endpoints) {
        const auto one = slice(made.name_space + "/" + made.name, kHttp, endpoints);
        const std::vector slices{&one};
        return tell(services.update(made, slices));
    }
    std::size_t remove(const Service& made) {
        return tell(services.remove(made.name_space, made.name));
    }
    /// How many changes there were.
    std::size_t tell(const std::vector<ServicePortUpdate>& updates) {
        return take(proxy.update(updates));
    }
    std::size_t take(std::vector<NftChange> changes) {
        for (const auto& change : changes) {
            held.apply(change);
        }
        BOOST_TEST((held == Held(proxy.table())), "the kernel differs from what is wanted");
        last = std::move(changes);
        return last.size();
    }

    ServiceMap services{Family::V4};
    NftPartCache cache;
    NftProxy proxy;
    Held held;
    std::vector<NftChange> last;
};

std::vector<Endpoint> pods(unsigned first, unsigned count) {
    std::vector<Endpoint> made;
    for (unsigned i = first; i < first + count; ++i) {
        const auto address = "10.0." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250);
        made.push_back(ready(address.c_str(), i % 2 == 0 ? "n1" : "n2"));
    }
    return made;
}

Service numbered(unsigned number) {
    auto made = service("ns/svc" + std::to_string(number), "172.30.0.1");
    made.cluster_ips = {ip("172.30.0.1").plus(number)};
    return made;
}

} // namespace

BOOST_AUTO_TEST_SUITE(proxy)

BOOST_AUTO_TEST_CASE(one_endpoint_more_changes_one_chain_and_adds_one) {
    Lab lab;
    for (unsigned i = 0; i < 20; ++i) {
        lab.update(numbered(i), pods(i * 3, 3));
    }
    BOOST_TEST(lab.update(numbered(7), pods(21, 3)) == 0U); // nothing is new
    BOOST_TEST(lab.update(numbered(7), pods(21, 4)) == 1U);
    BOOST_TEST(lab.last[0].added_chains.size() == 1U);
    BOOST_TEST(lab.last[0].refilled_chains.size() == 1U);
    BOOST_TEST(lab.last[0].added_elements.empty());
    BOOST_TEST(lab.last[0].removed_elements.empty());
}

// 8.1: chains are flushed now and deleted later; one that is wanted again is filled again.
BOOST_AUTO_TEST_CASE(stale_chains_are_flushed_now_and_deleted_later) {
    Lab lab;
    lab.update(numbered(1), pods(0, 3));
    lab.update(numbered(1), pods(0, 2));
    BOOST_TEST(lab.last.at(0).deleted_chains.empty());
    BOOST_TEST(lab.proxy.has_stale());
    BOOST_TEST(lab.update(numbered(1), pods(0, 3)) == 1U);
    BOOST_TEST(lab.last[0].added_chains.empty());
    BOOST_TEST(!lab.proxy.has_stale());

    lab.remove(numbered(1));
    BOOST_TEST(lab.held.sets.at("service-ips").empty());
    BOOST_TEST(lab.take(lab.proxy.sweep()) == 1U);
    BOOST_TEST(lab.last[0].deleted_chains.size() == 4U);
    BOOST_TEST(!lab.proxy.has_stale());
    BOOST_TEST((lab.held == Held(Lab{}.proxy.table())));
    BOOST_TEST(lab.take(lab.proxy.sweep()) == 0U);
}

BOOST_AUTO_TEST_CASE(the_first_port_of_a_service_may_go) {
    Lab lab;
    auto made = numbered(1);
    made.ports.push_back({"more", Protocol::Tcp, 81, 0, ""});
    lab.update(made, pods(0, 1));
    made.ports.erase(made.ports.begin());
    lab.update(made, pods(0, 1));
    BOOST_TEST(lab.held.sets.at("cluster-ips").size() == 1U);
}

// The timeout stands in the declaration of a set, which cannot be changed in place.
BOOST_AUTO_TEST_CASE(another_affinity_timeout_takes_two_changes) {
    Lab lab;
    auto made = numbered(1);
    made.client_ip_affinity = true;
    lab.update(made, pods(0, 2));
    made.affinity_timeout_seconds = 60;
    BOOST_TEST(lab.update(made, pods(0, 2)) == 2U);
    BOOST_TEST(lab.held.sets.size() == 9U);
}

BOOST_AUTO_TEST_CASE(nodes_share_what_is_the_same_for_them) {
    ServiceMap services{Family::V4};
    NftPartCache cache{config(), NftLayout::Readable};
    auto local = numbered(2);
    local.internal_policy = TrafficPolicy::Local;
    const auto one = slice("ns/svc1", kHttp, pods(0, 3));
    const std::vector slices{&one};
    auto updates = services.update(numbered(1), slices);
    const auto more = services.update(local, slices);
    updates.insert(updates.end(), more.begin(), more.end());
    auto other = node("n2");
    other.addresses = {ip("192.168.0.3")};
    NftProxy first{Family::V4, node(), cache};
    NftProxy second{Family::V4, other, cache};
    first.update(updates);
    second.update(updates);
    BOOST_TEST((first.table().parts.at(0) == second.table().parts.at(0)));
    BOOST_TEST(!(*first.table().parts.at(1) == *second.table().parts.at(1)));
}

// Clashes: the API allows two Services to name one external IP.
BOOST_AUTO_TEST_CASE(one_address_leads_to_one_service) {
    Lab lab;
    auto first = numbered(1);
    auto second = numbered(2);
    for (auto* made : {&first, &second}) {
        made->external_ips = {ip("192.0.2.1"), ip("172.30.0.4")}; // the latter is a cluster IP
        made->ports[0].node_port = 30001;
    }
    lab.update(second, pods(3, 1));
    lab.update(first, pods(0, 1)); // comes first by name, so it takes over
    lab.update(numbered(3), pods(6, 1));
    const auto target = [&](const char* address, std::uint16_t port) {
        const std::vector tables{&lab.proxy.table()};
        TracePacket packet;
        packet.source = ip("203.0.113.9");
        packet.destination = ip(address);
        packet.destination_port = port;
        return NftTracer{tables, node().addresses}.trace(packet).at(0).to_string();
    };
    BOOST_TEST(target("192.0.2.1", 80) == "10.0.0.1:8080");
    BOOST_TEST(target("192.168.0.2", 30001) == "10.0.0.1:8080");
    BOOST_TEST(target("172.30.0.4", 80) == "10.0.0.7:8080");
    lab.remove(first);
    BOOST_TEST(target("192.0.2.1", 80) == "10.0.0.4:8080");
    BOOST_TEST(target("192.168.0.2", 30001) == "10.0.0.4:8080");
    lab.remove(numbered(3));
    BOOST_TEST(target("172.30.0.4", 80) == "10.0.0.4:8080");
}

// A number of endpoints that no service has had: its chains are there before anything leads to
// them.
BOOST_AUTO_TEST_CASE(chains_of_a_new_number_of_endpoints_come_first) {
    Lab lab{NftLayout::Scale};
    lab.update(numbered(1), pods(0, 1));
    BOOST_REQUIRE_EQUAL(lab.update(numbered(1), pods(0, 2)), 2U);
    BOOST_TEST(lab.last[0].added_chains.size() == 3U);
    BOOST_TEST(lab.last[0].added_elements.empty());
    BOOST_TEST(lab.last[1].added_chains.empty());
    BOOST_TEST(!lab.last[1].added_elements.empty());
    BOOST_TEST(lab.update(numbered(1), pods(0, 1)) == 1U);
    BOOST_TEST(lab.update(numbered(1), pods(0, 2)) == 1U);
}

// Any sequence of changes, in both layouts, ends where a fresh start would.
BOOST_AUTO_TEST_CASE(random_changes_add_up) {
    for (const auto layout : {NftLayout::Readable, NftLayout::Scale}) {
        std::mt19937 random{7};
        const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
        Lab lab{layout};
        for (int step = 0; step < 400; ++step) {
            auto made = numbered(below(6));
            if (below(5) == 0) {
                lab.remove(made);
                continue;
            }
            made.client_ip_affinity = below(4) == 0;
            made.affinity_timeout_seconds = 60 + below(2);
            made.internal_policy = below(4) == 0 ? TrafficPolicy::Local : TrafficPolicy::Cluster;
            made.external_policy = below(4) == 0 ? TrafficPolicy::Local : TrafficPolicy::Cluster;
            if (below(2) == 0) {
                made.ports[0].node_port = static_cast<std::uint16_t>(30000 + below(3));
                made.external_ips = {ip("192.0.2.1").plus(below(3))};
                made.load_balancer = {{ip("192.0.2.2"), IpMode::Vip}};
            }
            if (below(3) == 0) {
                made.source_ranges = {range("192.168.0.0/24")};
            }
            if (below(3) == 0) {
                made.ports.push_back({"p81", Protocol::Tcp, 81, 0, ""});
            }
            lab.update(made, pods(below(12), below(5)));
            if (below(6) == 0) {
                lab.take(lab.proxy.sweep());
            }
        }
        for (unsigned i = 0; i < 6; ++i) {
            lab.remove(numbered(i));
        }
        lab.take(lab.proxy.sweep());
        BOOST_TEST((lab.held == Held(lab.proxy.table())));
        // The chains that serve any number of services with N endpoints stay.
        const Held fresh{Lab{layout}.proxy.table()};
        BOOST_TEST((lab.held.sets == fresh.sets));
        const auto kept = lab.held.chains.size() - fresh.chains.size();
        BOOST_TEST(kept == (layout == NftLayout::Scale ? 3U * 4 : 0U)); // of 1 to 4 endpoints
    }
}

BOOST_AUTO_TEST_SUITE_END()
