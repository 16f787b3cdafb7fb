#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/check/selector.h"
#include "labctl/probe/probe.h"

/// An assertion about the network, as values. Made by parse.h, judged by evaluate.h.
namespace labctl::check {

/// How large a part of the answers a backend shall give.
struct Share {
    std::string backend; // glob over "NS/POD", or over the pod's name alone
    double low = 0;      // 0 to 1, both ends count; equal to `high` with `about`
    double high = 1;
    /// Around `low`: as far off as chance takes a fair choice among that many exchanges (four
    /// standard deviations: one in 16,000 fair runs is farther off).
    bool about = false;
    std::string text; // "~50%", "40-60%"
};

/// What shall come of every flow that an assertion selects.
struct Expectation {
    enum class Kind {
        Allow,   // an answer comes, and it meets the conditions below
        Deny,    // a rule forbids it: proven with controls and the name of the rule
        Outcome, // this raw outcome, whoever causes it
    };
    Kind kind = Kind::Allow;
    probe::Outcome outcome = probe::Outcome::Ok; // for Kind::Outcome

    std::vector<std::pair<int, int>> statuses; // ranges of HTTP status codes; empty: any
    /// Names of statuses of gRPC, and SERVING or NOT_SERVING of a health check, of which one is
    /// met; empty: any.
    std::vector<std::string> grpc;
    std::optional<std::string> body_contains;
    std::optional<std::string> body_matches; // ECMAScript regular expression, over the first 8 KiB
    std::map<std::string, std::string> headers; // lower-case name -> glob over the value
    /// Of the server's certificate: "subject", "issuer", "dnsName" (one of its names) or "version"
    /// (of TLS) -> glob over the value. Of an https destination.
    std::map<std::string, std::string> tls;
    std::string backend;         // glob over "NS/POD", or over the pod's name alone
    std::string client_ip;       // "preserved", "node" (any of any node), an address, or empty
    std::string peer_identity;   // glob over the SPIFFE ID of whoever answers, "none", or empty
    std::string client_identity; // likewise over that of the client, as the backend sees it
    /// DNS answers, in any order; of an empty list the name has none of that type.
    std::optional<std::vector<std::string>> answers;
    std::vector<Share> spread; // over the exchanges of one flow (`count`)
    /// How large an IP packet the path takes, in bytes: one of this size comes through, one more
    /// byte does not. Of an ICMP destination.
    std::optional<std::uint32_t> mtu;
    std::string by;   // for Deny: "networkpolicy/NS/NAME" that must decide
    std::string text; // for people: "allow", "status 200, backend web-*"
};

/// Where the flows go: to selected parties at a port, or to one URL as it is.
struct Destination {
    Side side;
    std::optional<probe::Target> url; // then `side` is empty
    probe::Scheme scheme = probe::Scheme::Tcp;
    /// Number or name; "*" for every declared port; empty with Tcp means every declared port, or
    /// ICMP to what declares none.
    std::string port;
    std::string path = "/"; // for Http, Https and Grpc
    std::string text;       // as written
};

enum class Level { Error, Warning };
enum class FamilyChoice { Primary, V4, V6, Both };

/// The built-in assertions about the network model have no sides; see network_model.h.
enum class ModelRule { None, UniqueAddresses, PodToPod, NodeToPod };

struct Assertion {
    std::string id;    // position in its file, from 1, or "model-1"
    std::string title; // `name`, or the assertion in its short form
    std::string description;
    api::Source source;
    std::string ns = "default"; // of names without a namespace
    Side from;
    Destination to;
    Expectation expect;
    std::uint64_t within_us = 0; // it must begin to hold within this time; 0: at once
    std::uint64_t for_us = 0;    // and then hold for this long; 0: one round is enough
    Level level = Level::Error;
    FamilyChoice family = FamilyChoice::Primary;
    double points = 1;
    std::vector<std::string> tags;
    bool hidden = false; // of a challenge: a learner is told no more than what kind of thing it is
    ModelRule model = ModelRule::None;

    // How it is probed.
    std::uint64_t timeout_ms = 0; // 0: the default of the run
    std::uint32_t count = 1;
    std::string method = "GET";
    std::map<std::string, std::string> headers;
    std::string body;
    std::string ca; // PEM, of https: probe::Request::ca
    std::uint16_t source_port = 0;
    std::string via;

    /// Faults that are in force meanwhile, as api::to_string writes them; see during.h.
    std::vector<std::string> during;
};

} // namespace labctl::check
