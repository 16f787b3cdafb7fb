/// Whole server blocks, made from Corefiles, with an upstream that we play.
#include <set>

#include <boost/test/unit_test.hpp>

#include "dns/corefile.h"
#include "dns/rdata.h"
#include "dns/resolver.h"
#include "netemu/base/error.h"
#include "tests/unit/dns_fixture.h"

using namespace dns;
using namespace test;

namespace {

constexpr const char* kKubernetes = "kubernetes cluster.local in-addr.arpa {\n pods verified\n ttl "
                                    "30\n fallthrough in-addr.arpa\n}\n";

struct Block {
    explicit Block(const std::string& plugins, const std::string& zone_text = {})
        : Block(parse_corefile(".:53 {\n" + plugins + "}\n").servers.at(0), zone_text) {}

    explicit Block(const ServerBlock& config, const std::string& zone_text) {
        BlockParts parts;
        if (config.kubernetes) {
            auto options = dns::zone_options(*config.kubernetes, config.loadbalance);
            zone = std::make_unique<ClusterZone>(options);
            fill(*zone);
            parts.zone = zone.get();
        }
        upstream = std::make_shared<FakeUpstream>();
        parts.upstreams.assign(config.forward.size(), upstream);
        if (!zone_text.empty()) {
            parts.files.emplace_back(name("example.org"), zone_text, "example.org.zone");
        }
        parts.host_search = {"corp.example"};
        parts.hosts_text = "192.0.2.50 from.file.example # comment\nnonsense\n";
        parts.now = [this]() { return now; };
        block = std::make_unique<BlockResolver>(config, std::move(parts));
    }

    /// Through the bytes, as a server does it.
    Message
    ask(const std::string& text, const std::string& type_name, const char* client = "10.244.1.5") {
        const auto bytes = query_bytes(text, type_name);
        QueryView query;
        BOOST_REQUIRE(parse_query(as_bytes(bytes), query).state == Parsed::Good);
        std::vector<std::uint8_t> out(65535);
        std::optional<Message> late;
        struct Replies : ReplyMaker {
            std::optional<Message>* late;
            Reply later() override {
                return
                    [late = late](Bytes answer, Rcode, const Origin&) { *late = decode(answer); };
            }
        } replies;
        replies.late = &late;
        const Client who{{ip(client), 1234}, Transport::Udp, 1232};
        const auto handled = block->handle(query, who, out, replies);
        if (handled.size > 0) {
            return decode(Bytes(out).first(handled.size)).value();
        }
        for (std::size_t i = 0; i < upstream->waiting.size(); ++i) {
            const auto go = upstream->waiting[i]; // may make more wait
            go();
        }
        upstream->waiting.clear();
        return late.value();
    }
    std::string short_ask(const std::string& text, const std::string& type_name) {
        return brief(ask(text, type_name));
    }

    netemu::Clock::time_point now = netemu::Clock::now();
    std::unique_ptr<ClusterZone> zone;
    std::shared_ptr<FakeUpstream> upstream;
    std::unique_ptr<BlockResolver> block;
};

} // namespace

BOOST_AUTO_TEST_SUITE(resolver)

BOOST_AUTO_TEST_CASE(external_names) {
    for (const bool late : {false, true}) {
        Block block(std::string(kKubernetes) + "forward . 192.0.2.1\n");
        block.upstream->late = late;
        block.upstream->answers = {{"api.example.com. A", {"api.example.com. 60 A 192.0.2.80"}}};
        // Outside: asked of the upstream. Inside: found here, over two aliases.
        BOOST_TEST(
            block.short_ask("out.prod.svc.cluster.local", "A") ==
            "A 192.0.2.80 | CNAME api.example.com.");
        BOOST_TEST(
            block.short_ask("alias.prod.svc.cluster.local", "A") ==
            "A 10.96.0.100 | CNAME web.prod.svc.cluster.local.");
        BOOST_TEST(
            block.short_ask("alias.prod.svc.cluster.local", "AAAA") ==
            "CNAME web.prod.svc.cluster.local.");
        // The upstream does not answer: the CNAME alone.
        BOOST_TEST(
            block.short_ask("out.prod.svc.cluster.local", "AAAA") == "CNAME api.example.com.");
        // The end of the chain is missing: the rcode says so (RFC 2308).
        const auto dangling = block.ask("dangling.prod.svc.cluster.local", "A");
        BOOST_TEST(brief(dangling) == "NXDOMAIN CNAME gone.prod.svc.cluster.local.");
        BOOST_TEST(dangling.authority.size() == 1U);
        // A loop ends.
        const auto loop = block.ask("loop-a.prod.svc.cluster.local", "A");
        BOOST_TEST(loop.answers.size() <= 9U);
    }
}

BOOST_AUTO_TEST_CASE(forwarding) {
    Block block(std::string(kKubernetes) + "forward . 192.0.2.1 {\n except secret.example\n}\n");
    block.upstream->answers = {
        {"www.example.com. A", {"www.example.com. 60 A 192.0.2.80"}},
        {"gone.example.com. A",
         {"!NXDOMAIN", "example.com. 60 SOA ns.example.com. h.example.com. 1 2 3 4 5"}},
        {"9.9.244.10.in-addr.arpa. PTR", {"9.9.244.10.in-addr.arpa. 60 PTR host.example."}}};
    const auto found = block.ask("wWw.example.com", "A");
    BOOST_TEST(brief(found) == "A 192.0.2.80");
    BOOST_TEST(found.has(flag::kRecursionAvailable));
    BOOST_TEST(!found.has(flag::kAuthoritative));
    BOOST_TEST(found.question->name.to_string() == "wWw.example.com.");
    BOOST_TEST(found.answers.at(0).owner.to_string() == "wWw.example.com.");
    BOOST_TEST(block.short_ask("gone.example.com", "A") == "NXDOMAIN");
    BOOST_TEST(block.short_ask("silent.example.com", "A") == "SERVFAIL");
    BOOST_TEST(block.short_ask("a.secret.example", "A") == "REFUSED");
    const auto source_of = [&block](const char* text) {
        std::string source;
        block.block->resolve(
            {{name(text), 1}, false, false, Transport::Udp},
            ip("10.244.1.5"),
            [&source](const Message& message) { source = source_text(message.origin.source); });
        return source;
    };
    BOOST_TEST(source_of("www.example.com") == "forward");
    BOOST_TEST(source_of("web.prod.svc.cluster.local") == "kubernetes");
    BOOST_TEST(source_of("a.secret.example") == "-");
    // A pod without a name falls through.
    BOOST_TEST(block.short_ask("9.9.244.10.in-addr.arpa", "PTR") == "PTR host.example.");
    BOOST_TEST(block.short_ask("gone.prod.svc.cluster.local", "A") == "NXDOMAIN");
    Block alone(kKubernetes);
    BOOST_TEST(alone.short_ask("www.example.com", "A") == "REFUSED");
}

BOOST_AUTO_TEST_CASE(longest_from_wins) {
    auto config = parse_corefile(".:53 {\nforward . 192.0.2.1\nforward example.org 192.0.2.2\n}\n")
                      .servers.at(0);
    auto one = std::make_shared<FakeUpstream>();
    auto two = std::make_shared<FakeUpstream>();
    BlockParts parts;
    parts.upstreams = {one, two};
    BlockResolver block(config, std::move(parts));
    block.resolve(
        {{name("a.example.org"), 1}, false, false, Transport::Udp}, {}, [](const Message&) {});
    block.resolve(
        {{name("a.example.com"), 1}, false, false, Transport::Udp}, {}, [](const Message&) {});
    BOOST_TEST(one->asked.size() == 1U);
    BOOST_TEST(two->asked.at(0) == "a.example.org. A");
}

BOOST_AUTO_TEST_CASE(hosts) {
    Block block("hosts /etc/hosts {\n 192.0.2.7 a.example b.example\n 2001:db8::7 a.example\n ttl "
                "99\n fallthrough\n}\n"
                "forward . 192.0.2.1\n");
    BOOST_TEST(block.short_ask("A.example", "A") == "A 192.0.2.7");
    BOOST_TEST(block.ask("a.example", "A").answers.at(0).ttl == 99U);
    BOOST_TEST(block.short_ask("a.example", "AAAA") == "AAAA 2001:db8::7");
    BOOST_TEST(block.short_ask("b.example", "AAAA") == "NODATA");
    BOOST_TEST(
        block.short_ask("7.2.0.192.in-addr.arpa", "PTR") == "PTR a.example. | PTR b.example.");
    BOOST_TEST(block.short_ask("from.file.example", "A") == "A 192.0.2.50");
    BOOST_TEST(block.short_ask("other.example", "A") == "SERVFAIL"); // the upstream's
    BOOST_TEST(block.upstream->asked.size() == 1U);
    Block strict("hosts /etc/hosts {\n 192.0.2.7 a.example\n}\n");
    BOOST_TEST(strict.short_ask("other.example", "A") == "SERVFAIL");
    BOOST_TEST(strict.short_ask("1.2.0.192.in-addr.arpa", "PTR") == "REFUSED");
}

BOOST_AUTO_TEST_CASE(rewriting) {
    Block block(
        std::string(kKubernetes) +
        "rewrite name exact shop.example.org web.prod.svc.cluster.local answer auto\n"
        "rewrite name suffix .old.example .prod.svc.cluster.local answer auto\n"
        "rewrite name regex (.*)\\.re\\.example {1}.prod.svc.cluster.local answer name "
        "(.*)\\.prod\\.svc\\.cluster\\.local {1}.re.example\n"
        "rewrite type TXT A\n"
        "rewrite ttl exact plain.prod.svc.cluster.local 7\n"
        "rewrite rcode exact gone.prod.svc.cluster.local NXDOMAIN NOERROR\n");
    const auto exact = block.ask("Shop.example.org", "A");
    BOOST_TEST(brief(exact) == "A 10.96.0.100");
    BOOST_TEST(exact.question->name.to_string() == "Shop.example.org.");
    BOOST_TEST(exact.answers.at(0).owner.to_string() == "Shop.example.org.");
    const auto suffix = block.ask("web.old.example", "A");
    BOOST_TEST(suffix.answers.at(0).owner.to_string() == "web.old.example.");
    const auto regex = block.ask("db.re.example", "SRV");
    BOOST_TEST(regex.answers.size() == 2U);
    BOOST_TEST(regex.answers.at(0).owner.to_string() == "db.re.example.");
    BOOST_TEST(rdata_target(regex.answers.at(0))->to_string().ends_with(".db.re.example."));
    const auto as_text = block.ask("web.prod.svc.cluster.local", "TXT");
    BOOST_TEST(as_text.question->type == type("TXT"));
    BOOST_TEST(brief(as_text) == "A 10.96.0.100");
    BOOST_TEST(block.ask("plain.prod.svc.cluster.local", "A").answers.at(0).ttl == 7U);
    BOOST_TEST(block.short_ask("gone.prod.svc.cluster.local", "A") == "NODATA");
    BOOST_TEST(block.short_ask("web.prod.svc.cluster.local", "A") == "A 10.96.0.100");
}

BOOST_AUTO_TEST_CASE(templates) {
    Block block(
        "template IN A example.org {\n match ^ip-(?P<a>[0-9]*)-(?P<b>[0-9]*)\\.example\\.org\\.$\n"
        " answer \"{{ .Name }} 60 IN A 10.0.{{ .Group.a }}.{{ index .Match 2 }}\"\n "
        "fallthrough\n}\n"
        "template IN ANY blocked.example {\n rcode NXDOMAIN\n"
        " authority \"{{ .Zone }} 60 IN SOA ns.{{ .Zone }} h.{{ .Zone }} 1 60 60 60 60\"\n}\n"
        "template IN A broken.example {\n answer \"{{ .Nope }} A\"\n}\n"
        "forward . 192.0.2.1\n");
    BOOST_TEST(block.short_ask("ip-1-2.example.org", "A") == "A 10.0.1.2");
    BOOST_TEST(block.short_ask("other.example.org", "A") == "SERVFAIL"); // fell through
    BOOST_TEST(block.upstream->asked.size() == 1U);
    const auto blocked = block.ask("x.blocked.example", "AAAA");
    BOOST_TEST(brief(blocked) == "NXDOMAIN");
    BOOST_TEST(blocked.authority.size() == 1U);
    BOOST_TEST(block.short_ask("x.broken.example", "A") == "SERVFAIL");
    BOOST_TEST(block.upstream->asked.size() == 1U);
}

BOOST_AUTO_TEST_CASE(zone_files) {
    Block block(
        "file example.org.zone example.org\nforward . 192.0.2.1\n",
        "$TTL 60\n@ IN SOA ns h ( 1 2 3 4 ; comment\n 30 )\n"
        "  NS ns\nns A 192.0.2.2\nwww A 192.0.2.3\n    A 192.0.2.4\nalias CNAME www\n*.wild A "
        "192.0.2.5\n"
        "deep.down.here TXT \"x\"\noutside CNAME www.example.com.\n");
    BOOST_TEST(block.short_ask("www.example.org", "A") == "A 192.0.2.3 | A 192.0.2.4");
    BOOST_TEST(
        block.short_ask("alias.example.org", "A") ==
        "A 192.0.2.3 | A 192.0.2.4 | CNAME www.example.org.");
    BOOST_TEST(block.short_ask("any.wild.example.org", "A") == "A 192.0.2.5");
    BOOST_TEST(
        block.ask("any.wild.example.org", "A").answers.at(0).owner.to_string() ==
        "any.wild.example.org.");
    BOOST_TEST(block.short_ask("down.here.example.org", "A") == "NODATA");
    BOOST_TEST(block.short_ask("gone.example.org", "A") == "NXDOMAIN");
    BOOST_TEST(block.ask("gone.example.org", "A").authority.size() == 1U);
    BOOST_TEST(block.short_ask("outside.example.org", "A") == "CNAME www.example.com.");
    BOOST_TEST(block.short_ask("www.example.com", "A") == "SERVFAIL");
    BOOST_CHECK_THROW(StaticZone(name("a"), "x A 1.2.3.4\n"), netemu::UsageError);
    BOOST_CHECK_THROW(StaticZone(name("a"), "@ SOA a b 1 2 3 4 5\nx FOO 1\n"), netemu::UsageError);
}

BOOST_AUTO_TEST_CASE(autopath) {
    Block block(std::string(kKubernetes) + "autopath @kubernetes\nforward . 192.0.2.1\n");
    block.upstream->answers = {
        {"api.example.com. A", {"api.example.com. 60 A 192.0.2.80"}},
        {"api.example.com.corp.example. A", {"!NXDOMAIN"}}};
    // The client 10.244.1.5 is in prod: five queries become one.
    const auto found = block.ask("api.example.com.prod.svc.cluster.local", "A");
    BOOST_TEST(brief(found) == "A 192.0.2.80 | CNAME api.example.com.");
    BOOST_TEST(found.answers.at(0).owner.to_string() == "api.example.com.prod.svc.cluster.local.");
    BOOST_TEST(found.question->name.to_string() == "api.example.com.prod.svc.cluster.local.");
    BOOST_TEST(block.short_ask("web.prod.svc.cluster.local", "A") == "A 10.96.0.100");
    BOOST_TEST(
        block.short_ask("kube-dns.kube-system.prod.svc.cluster.local", "A") ==
        "A 10.96.0.10 | CNAME kube-dns.kube-system.svc.cluster.local.");
    // Another namespace's path, or a client that is no pod, is answered as it stands.
    BOOST_TEST(
        brief(block.ask("api.example.com.prod.svc.cluster.local", "A", "10.244.9.9")) ==
        "NXDOMAIN");
    BOOST_TEST(
        brief(block.ask("api.example.com.prod.svc.cluster.local", "A", "192.0.2.99")) ==
        "NXDOMAIN");
}

BOOST_AUTO_TEST_CASE(loadbalancing) {
    Block block("forward . 192.0.2.1\nloadbalance\n");
    block.upstream->answers = {
        {"a.example. A",
         {"a.example. 60 CNAME b.example.",
          "b.example. 60 A 192.0.2.1",
          "b.example. 60 A 192.0.2.2",
          "b.example. 60 A 192.0.2.3"}}};
    std::set<std::string> second;
    for (int i = 0; i < 100; ++i) {
        const auto message = block.ask("a.example", "A");
        BOOST_REQUIRE(message.answers.size() == 4U);
        BOOST_REQUIRE(message.answers[0].is(Type::Cname));
        second.insert(message.answers[1].rdata);
    }
    BOOST_TEST(second.size() == 3U);
}

BOOST_AUTO_TEST_CASE(any_plugin) {
    Block block("any\nforward . 192.0.2.1\n");
    BOOST_TEST(block.short_ask("a.example", "ANY") == "HINFO \"ANY obsoleted\" \"See RFC 8482\"");
    BOOST_TEST(block.upstream->asked.empty());
}

BOOST_AUTO_TEST_CASE(most_specific_block_answers) {
    const auto parsed = parse_corefile(".:53 {\n any\n}\nexample.org:53 {\n hosts inline "
                                       "example.org {\n 192.0.2.1 a.example.org\n }\n}\n");
    Resolver all;
    for (const auto& server : parsed.servers) {
        all.add(std::make_unique<BlockResolver>(server, BlockParts{}));
    }
    BOOST_TEST(
        all.block_of(name("x.EXAMPLE.org"))->config().zones.at(0).to_string() == "example.org.");
    BOOST_TEST(all.block_of(name("example.com"))->config().zones.at(0).is_root());
}

BOOST_AUTO_TEST_SUITE_END()
