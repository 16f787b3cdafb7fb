#include "labctl/manifest/schema_table.h"

/// networking.istio.io/v1: VirtualService and DestinationRule. Source: istio/api
/// networking/v1alpha3.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr std::array<std::string_view, 4> kTlsModes{"DISABLE", "ISTIO_MUTUAL", "MUTUAL", "SIMPLE"};
constexpr std::array<std::string_view, 6> kSimpleBalancers{
    "LEAST_CONN", "LEAST_REQUEST", "PASSTHROUGH", "RANDOM", "ROUND_ROBIN", "UNSPECIFIED"};

constexpr Table kTrafficString{
    Code{nullptr, check_istio_string_match},
    text("exact"), text("prefix"), text("regex"),
};

constexpr Table kTrafficMatch{
    Code{nullptr, check_istio_http_match},
    text("name"), object("uri", kTrafficString), object("scheme", kTrafficString),
    object("method", kTrafficString), object("authority", kTrafficString),
    object("headers", kTrafficString).map(), port("port"), labels("sourceLabels"),
    text("gateways").list(), object("queryParams", kTrafficString).map(), flag("ignoreUriCase"),
    object("withoutHeaders", kTrafficString).map(), text("sourceNamespace"), text("statPrefix"),
};

constexpr Table kTrafficPortSelector{
    port("number").required(),
};

constexpr Table kTrafficDestination{
    text("host").required(), text("subset"), object("port", kTrafficPortSelector),
};

constexpr Table kTrafficHeaderEdits{
    text("set").map(), text("add").map(), text("remove").list(),
};

constexpr Table kTrafficHeaders{
    object("request", kTrafficHeaderEdits), object("response", kTrafficHeaderEdits),
};

constexpr Table kTrafficRoute{
    object("destination", kTrafficDestination).required(),
    int32("weight").at_least(0), object("headers", kTrafficHeaders),
};

constexpr Table kTrafficRedirect{
    Code{nullptr, check_istio_redirect},
    text("uri"), text("authority"), port("port"), text("derivePort"), text("scheme"), int32("redirectCode"),
};

constexpr Table kTrafficBody{
    text("string"), text("bytes"),
};

constexpr Table kTrafficDirect{
    int32("status").required().range(200, 599), object("body", kTrafficBody),
};

constexpr Table kTrafficRegexRewrite{
    text("match").required(), text("rewrite"),
};

constexpr Table kTrafficRewrite{
    text("uri"), text("authority"), object("uriRegexRewrite", kTrafficRegexRewrite),
};

constexpr Table kTrafficRetries{
    Code{nullptr, check_istio_retries},
    int32("attempts").at_least(0), text("perTryTimeout").is(istio_duration), text("retryOn"),
    any("retryRemoteLocalities"), any("retryIgnorePreviousHosts"), text("backoff").is(istio_duration),
};

constexpr Table kTrafficPercent{
    Code{nullptr, check_istio_percent},
    any("value"),
};

constexpr Table kTrafficDelay{
    Code{nullptr, check_istio_fault},
    text("fixedDelay").is(istio_duration), text("exponentialDelay"), object("percentage", kTrafficPercent),
    int32("percent").range(0, 100),
};

constexpr Table kTrafficAbort{
    Code{nullptr, check_istio_fault},
    int32("httpStatus").range(200, 599), text("grpcStatus"), text("http2Error"),
    object("percentage", kTrafficPercent), int32("percent").range(0, 100),
};

constexpr Table kTrafficFault{
    object("delay", kTrafficDelay), object("abort", kTrafficAbort),
};

constexpr Table kTrafficMirror{
    object("destination", kTrafficDestination).required(), object("percentage", kTrafficPercent),
};

constexpr Table kTrafficHttp{
    Code{nullptr, check_istio_http_route},
    text("name"), object("match", kTrafficMatch).list(), object("route", kTrafficRoute).list(),
    object("redirect", kTrafficRedirect), object("directResponse", kTrafficDirect), any("delegate"),
    object("rewrite", kTrafficRewrite), text("timeout").is(istio_duration),
    object("retries", kTrafficRetries), object("fault", kTrafficFault),
    object("mirror", kTrafficDestination), object("mirrors", kTrafficMirror).list(),
    object("mirrorPercentage", kTrafficPercent), int32("mirrorPercent").range(0, 100),
    any("corsPolicy"), object("headers", kTrafficHeaders),
};

constexpr Table kVirtualServiceSpec{
    Code{nullptr, check_virtual_service_spec},
    text("hosts").list().required(), text("gateways").list(), object("http", kTrafficHttp).list(),
    any("tls"), any("tcp"), text("exportTo").list(),
};

constexpr Table kVirtualServiceTable{
    kApiVersion, kKind, object("metadata", kObjectMeta),
    object("spec", kVirtualServiceSpec).required(), any("status"),
};

constexpr Table kTrafficCookie{
    text("name").required(), text("path"), text("ttl").is(istio_duration),
};

constexpr Table kTrafficHash{
    Code{nullptr, check_istio_hash},
    text("httpHeaderName"), object("httpCookie", kTrafficCookie), flag("useSourceIp"),
    text("httpQueryParameterName"), int64("minimumRingSize"), any("ringHash"), any("maglev"),
};

constexpr Table kTrafficBalancer{
    Code{nullptr, check_istio_balancer},
    text("simple").one_of(kSimpleBalancers), object("consistentHash", kTrafficHash),
    any("localityLbSetting"), any("warmupDurationSecs"), any("warmup"),
};

constexpr Table kTrafficTcpPool{
    int32("maxConnections").at_least(0), text("connectTimeout").is(istio_duration), any("tcpKeepalive"),
    any("maxConnectionDuration"), any("idleTimeout"),
};

constexpr Table kTrafficHttpPool{
    int32("http1MaxPendingRequests").at_least(0), int32("http2MaxRequests").at_least(0),
    int32("maxRequestsPerConnection").at_least(0), int32("maxRetries").at_least(0),
    text("idleTimeout").is(istio_duration), any("h2UpgradePolicy"), any("useClientProtocol"),
    any("maxConcurrentStreams"),
};

constexpr Table kTrafficPool{
    Code{nullptr, check_istio_pool},
    object("tcp", kTrafficTcpPool), object("http", kTrafficHttpPool),
};

constexpr Table kTrafficOutliers{
    Code{nullptr, check_istio_outliers},
    int32("consecutiveErrors").at_least(0), any("splitExternalLocalOriginErrors"),
    any("consecutiveLocalOriginFailures"), int32("consecutiveGatewayErrors").at_least(0),
    int32("consecutive5xxErrors").at_least(0), text("interval").is(istio_duration),
    text("baseEjectionTime").is(istio_duration), int32("maxEjectionPercent").range(0, 100),
    int32("minHealthPercent").range(0, 100),
};

constexpr Table kTrafficTls{
    Code{nullptr, check_istio_client_tls},
    text("mode").one_of(kTlsModes), text("clientCertificate"), text("privateKey"),
    text("caCertificates"), text("credentialName"), text("subjectAltNames").list(), text("sni"),
    flag("insecureSkipVerify"), any("caCrl"),
};

constexpr Table kTrafficPortPolicy{
    object("port", kTrafficPortSelector).required(), object("loadBalancer", kTrafficBalancer),
    object("connectionPool", kTrafficPool), object("outlierDetection", kTrafficOutliers),
    object("tls", kTrafficTls),
};

constexpr Table kTrafficPolicyTable{
    Code{nullptr, check_istio_traffic_policy},
    object("loadBalancer", kTrafficBalancer), object("connectionPool", kTrafficPool),
    object("outlierDetection", kTrafficOutliers), object("tls", kTrafficTls),
    object("portLevelSettings", kTrafficPortPolicy).list(), any("tunnel"), any("proxyProtocol"),
    any("retryBudget"),
};

constexpr Table kTrafficSubset{
    text("name").required(), labels("labels"), object("trafficPolicy", kTrafficPolicyTable),
};

constexpr Table kDestinationRuleSpec{
    Code{nullptr, check_destination_rule_spec},
    text("host").required(), object("trafficPolicy", kTrafficPolicyTable),
    object("subsets", kTrafficSubset).list().unique("name"), text("exportTo").list(),
    any("workloadSelector"),
};

constexpr Table kDestinationRuleTable{
    kApiVersion, kKind, object("metadata", kObjectMeta),
    object("spec", kDestinationRuleSpec).required(), any("status"),
};

} // namespace

constinit const Struct kVirtualService{kVirtualServiceTable.type()};
constinit const Struct kDestinationRule{kDestinationRuleTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
