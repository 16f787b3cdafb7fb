#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/message.h"
#include "dns/name.h"
#include "dns/types.h"
#include "dns/zone.h"
#include "netemu/base/address.h"

/// A Corefile as values: the commonly used part of coredns' configuration (plugin/*/README.md). The
/// order of plugins in the file has no meaning, as in coredns.
namespace dns {

/// Zones in which a plugin hands names on that it does not have; `on` with no zones: all.
struct Fallthrough {
    bool on = false;
    std::vector<Name> zones;
    [[nodiscard]] bool covers(const Name& name) const;
};

struct KubernetesConfig {
    std::vector<Name> zones; // the first that is no reverse zone is the cluster's domain
    PodMode pods = PodMode::Disabled;
    std::uint32_t ttl_s = 5;
    std::vector<std::string> namespaces;
    std::string labels;           // selector on Services; applied by whoever makes the values
    std::string namespace_labels; // the same on namespaces
    bool no_endpoints = false;    // `noendpoints`
    bool ignore_empty_service = false;
    bool endpoint_pod_names = false; // endpoints without hostname are named as their pods
    Fallthrough through;
};

struct HostsConfig {
    std::string file; // empty: /etc/hosts; read by whoever builds the handler
    std::vector<Name> zones;
    std::vector<std::string> lines; // inline entries
    std::uint32_t ttl_s = 3600;
    bool no_reverse = false;
    Fallthrough through;
    std::size_t line = 0;
};

struct ForwardConfig {
    enum class Policy : std::uint8_t { Random, RoundRobin, Sequential };
    Name from;
    std::vector<std::string> to; // addresses, or files in the form of resolv.conf
    std::vector<Name> except;
    bool force_tcp = false;
    bool prefer_udp = false;
    std::uint32_t max_fails = 2;
    std::chrono::milliseconds expire{10000};
    Policy policy = Policy::Random;
    std::uint32_t max_concurrent = 0; // 0: no limit
};

struct CacheConfig {
    std::vector<Name> zones; // empty: those of the server block
    std::size_t success_max = 9984;
    std::uint32_t success_ttl_s = 3600;
    std::uint32_t success_ttl_min_s = 5;
    std::size_t denial_max = 9984;
    std::uint32_t denial_ttl_s = 1800;
    std::uint32_t denial_ttl_min_s = 5;
    std::uint32_t servfail_ttl_s = 5;
    std::uint32_t prefetch = 0; // queries that make an entry worth it; 0: off
    std::chrono::seconds prefetch_window{60};
    std::uint32_t prefetch_percent = 10;
    std::optional<std::chrono::seconds> serve_stale; // how long behind its end
};

struct RewriteRule {
    enum class Field : std::uint8_t { Name, Type, Class, Ttl, Rcode };
    enum class Match : std::uint8_t { Exact, Prefix, Suffix, Substring, Regex };
    Field field = Field::Name;
    Match match = Match::Exact;
    std::string from;
    std::string to;
    bool stop = true;         // otherwise further rules are tried
    bool answer_auto = false; // names in the answer are turned back
    /// `answer name FROM TO`: regular expressions on the names of the answer.
    std::vector<std::pair<std::string, std::string>> answer_names;
};

struct TemplateConfig {
    std::uint16_t klass = static_cast<std::uint16_t>(Class::In);
    std::uint16_t type = static_cast<std::uint16_t>(Type::Any); // ANY: every type
    std::vector<Name> zones;
    std::vector<std::string> match; // regular expressions; none: everything
    std::vector<std::string> answer;
    std::vector<std::string> additional;
    std::vector<std::string> authority;
    Rcode rcode = Rcode::NoError;
    Fallthrough through;
};

struct FileConfig {
    std::string path; // read by whoever builds the handler
    std::vector<Name> zones;
    Fallthrough through;
    std::size_t line = 0;
};

struct AutopathConfig {
    std::vector<Name> zones;
    std::string resolv_conf; // "@kubernetes": by the client's namespace
};

struct ServerBlock {
    std::vector<Name> zones;
    std::uint16_t port = 53;
    std::size_t line = 0;
    std::optional<KubernetesConfig> kubernetes;
    std::optional<HostsConfig> hosts;
    std::vector<ForwardConfig> forward;
    std::optional<CacheConfig> cache;
    std::vector<RewriteRule> rewrite;
    std::vector<TemplateConfig> templates;
    std::vector<FileConfig> files;
    std::optional<AutopathConfig> autopath;
    std::vector<std::string> bind;
    std::optional<std::string> health;     // ":8080"
    std::optional<std::string> ready;      // ":8181"
    std::optional<std::string> prometheus; // "localhost:9153"
    std::chrono::milliseconds lameduck{0};
    std::size_t udp_bytes_max = 1232; // `bufsize`
    bool any = false;
    bool errors = false;
    bool log = false;
    bool loadbalance = false;
    bool loop = false;
    bool reload = false;
};

struct Corefile {
    std::vector<ServerBlock> servers;
};

/// The port of an address as `health`, `ready` and `prometheus` have it: ":8080", "localhost:9153".
/// nullopt if there is none.
std::optional<std::uint16_t> plugin_port(const std::optional<std::string>& address);

/// Throws netemu::UsageError whose text begins with "FILE:LINE: " at the first thing that is wrong;
/// an unknown plugin is wrong.
Corefile parse_corefile(std::string_view text, const std::string& file = "Corefile");

/// An address that `forward` sends to, as it is written there: "10.0.0.1", "dns://10.0.0.1:5353",
/// "[fd00::1]:53"; nullopt for a file or anything else.
std::optional<netemu::Endpoint> forward_address(std::string_view word);

/// The reverse zone of a range whose length ends at a label, "10.0.0.0/24" or "fd00::/64"; nullopt
/// for others.
std::optional<Name> reverse_zone(const netemu::IpPrefix& range);

} // namespace dns
