#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/cursor.h"
#include "labctl/manifest/rules.h"
#include "netemu/base/text.h"

/// What Istio's webhook refuses of VirtualServices and DestinationRules beside wrong types
/// (istio/istio pkg/config/validation; reference mesh.md 6.1 to 6.3), and which of their fields
/// nothing acts on here.
namespace labctl::manifest {

namespace {

void stored_only(const Cursor& of, std::initializer_list<std::string_view> fields) {
    for (const auto field : fields) {
        if (of[field].present()) {
            of[field].warn("is stored, and nothing in a lab acts on it");
        }
    }
}

std::size_t count_present(const Cursor& of, std::initializer_list<std::string_view> fields) {
    return static_cast<std::size_t>(std::count_if(
        fields.begin(), fields.end(), [&](auto field) { return of[field].present(); }));
}

bool has_percentage(const Cursor& of) {
    return of["percentage"].present() || of["percent"].present();
}

} // namespace

/// As Go writes them; Istio wants at least a millisecond, or nothing at all.
std::string istio_duration(std::string_view text) {
    constexpr std::uint64_t kMillisecond = 1000;
    const auto time = netemu::parse_duration_us(text);
    const bool has_unit = !text.empty() && (text.back() < '0' || text.back() > '9');
    const bool fine = text == "0" || (has_unit && time && (*time == 0 || *time >= kMillisecond));
    return fine ? "" : "must be a duration of 1ms or more, such as 500ms, 1.5s or 1m30s";
}

void check_istio_string_match(const Cursor& match) {
    if (count_present(match, {"exact", "prefix", "regex"}) > 1) {
        match.error("Forbidden: only one of exact, prefix and regex can be set");
    }
}

void check_istio_http_match(const Cursor& match) {
    for (const auto* field : {"headers", "withoutHeaders"}) {
        match[field].each_key([](std::string_view name, const Cursor& value) {
            if (std::any_of(
                    name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
                value.warn("Istio wants names of headers in lower case");
            }
        });
    }
    stored_only(match, {"statPrefix"});
}

void check_istio_redirect(const Cursor& redirect) {
    constexpr std::array<std::int64_t, 5> kCodes{301, 302, 303, 307, 308};
    const auto code = redirect["redirectCode"];
    if (code.present() && std::find(kCodes.begin(), kCodes.end(), code.number()) == kCodes.end()) {
        code.invalid("must be one of 301, 302, 303, 307, 308");
    }
    stored_only(redirect, {"derivePort"});
}

void check_istio_retries(const Cursor& retries) {
    stored_only(retries, {"retryRemoteLocalities", "retryIgnorePreviousHosts"});
    if (!retries["attempts"].present()) {
        retries.warn("without attempts, nothing is tried again", "set attempts");
    }
}

void check_istio_percent(const Cursor& percent) {
    constexpr double kAll = 100;
    const auto& value = percent["value"].json();
    if (percent["value"].present() &&
        (!value.is_number() || value.get<double>() < 0 || value.get<double>() > kAll)) {
        percent["value"].invalid("must be a number between 0 and 100");
    }
}

/// Of a delay or an abort.
void check_istio_fault(const Cursor& fault) {
    if (!has_percentage(fault)) {
        fault.warn(
            "without a percentage, it never happens", "percentage: {value: 100} is every request");
    }
    stored_only(fault, {"exponentialDelay", "http2Error"});
}

void check_istio_http_route(const Cursor& route) {
    const bool routed = route["route"].size() > 0;
    const bool redirected = route["redirect"].present();
    const bool answered = route["directResponse"].present();
    const bool delegated = route["delegate"].present();
    const int ways = (routed ? 1 : 0) + (redirected ? 1 : 0) + (answered ? 1 : 0);
    if (ways > 1) {
        route.error("Forbidden: only one of route, redirect and directResponse can be set");
    } else if (ways == 0 && !delegated) {
        route.required("one of route, redirect and directResponse");
    }
    if (!routed) {
        for (const auto* field : {"fault", "mirror", "mirrors"}) {
            if (route[field].present()) {
                route[field].forbidden("goes only with route");
            }
        }
    }
    if (redirected && route["rewrite"].present()) {
        route["rewrite"].forbidden("does not go with redirect");
    }
    if (route["mirror"].present() && route["mirrors"].size() > 0) {
        route["mirrors"].forbidden("does not go with mirror");
    }
    const auto destinations = route["route"];
    bool any_weight = destinations.size() < 2;
    destinations.each(
        [&](const Cursor& each) { any_weight = any_weight || each["weight"].number() > 0; });
    if (!any_weight) {
        destinations.invalid("the weights of several destinations must not all be 0");
    }
    stored_only(route, {"delegate", "corsPolicy"});
}

void check_virtual_service_spec(const Cursor& spec) {
    if (spec["http"].size() == 0 && !spec["tls"].present() && !spec["tcp"].present()) {
        spec.required("at least one of http, tls and tcp");
    }
    bool ended = false;
    spec["http"].each([&](const Cursor& route) {
        if (ended) {
            route.warn("is never reached: a route before it has no match, and takes every request");
        }
        ended = ended || route["match"].size() == 0;
    });
    stored_only(spec, {"tls", "tcp"});
}

void check_istio_hash(const Cursor& hash) {
    const auto keys =
        count_present(hash, {"httpHeaderName", "httpCookie", "httpQueryParameterName"});
    if (keys + (hash["useSourceIp"].flag() ? 1 : 0) != 1) {
        hash.error(
            "exactly one of httpHeaderName, httpCookie, useSourceIp and httpQueryParameterName "
            "must be set");
    }
    stored_only(hash, {"minimumRingSize", "ringHash", "maglev"});
}

void check_istio_balancer(const Cursor& balancer) {
    if (balancer["simple"].present() && balancer["consistentHash"].present()) {
        balancer.error("Forbidden: only one of simple and consistentHash can be set");
    }
    if (balancer["simple"].is("PASSTHROUGH")) {
        balancer["simple"].warn("is stored, and nothing in a lab acts on it: LEAST_REQUEST it is");
    }
    stored_only(balancer, {"localityLbSetting", "warmupDurationSecs", "warmup"});
}

void check_istio_pool(const Cursor& pool) {
    stored_only(pool["tcp"], {"tcpKeepalive", "maxConnectionDuration", "idleTimeout"});
    stored_only(
        pool["http"],
        {"maxRequestsPerConnection",
         "idleTimeout",
         "h2UpgradePolicy",
         "useClientProtocol",
         "maxConcurrentStreams"});
}

void check_istio_outliers(const Cursor& outliers) {
    if (outliers["consecutiveErrors"].present()) {
        outliers["consecutiveErrors"].warn(
            "is gone from Istio, and nothing acts on it",
            "use consecutive5xxErrors or consecutiveGatewayErrors");
    }
    stored_only(outliers, {"splitExternalLocalOriginErrors", "consecutiveLocalOriginFailures"});
}

void check_istio_client_tls(const Cursor& tls) {
    const auto mode = tls["mode"];
    if (mode.is("SIMPLE") || mode.is("MUTUAL")) {
        mode.warn("is stored, and nothing in a lab acts on it: DISABLE and ISTIO_MUTUAL are what "
                  "sidecars do here");
    }
}

void check_istio_traffic_policy(const Cursor& policy) {
    stored_only(policy, {"tunnel", "proxyProtocol", "retryBudget"});
}

void check_destination_rule_spec(const Cursor& spec) {
    stored_only(spec, {"workloadSelector"});
}

} // namespace labctl::manifest
