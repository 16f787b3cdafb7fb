#include "dns/corefile_plugins.h"

#include <algorithm>
#include <charconv>

#include "dns/limits.h"
#include "netemu/base/text.h"

namespace dns {
namespace {

constexpr std::uint32_t kTtlMaxS = 3600; // coredns plugin/kubernetes: 0 to 3600
constexpr std::uint32_t kNumberMax = 1U << 30U;

using Words = std::vector<std::string>;

std::string rest_of(const Words& words, std::size_t first) {
    return first < words.size() ? netemu::join(std::span(words).subspan(first), " ")
                                : std::string{};
}

void unknown_option(const PluginReader& reader, const CorefileLine& line) {
    reader.fail(
        line, "'" + reader.directive().name + "' has no option '" + line.words[0] + "' here");
}

bool kubernetes_option(const PluginReader& reader, const CorefileLine& line, KubernetesConfig& k) {
    const auto& words = line.words;
    const auto& option = words[0];
    if (option == "pods" && words.size() == 2) {
        if (words[1] != "disabled" && words[1] != "insecure" && words[1] != "verified") {
            reader.fail(line, "pods is disabled, insecure or verified, not '" + words[1] + "'");
        }
        k.pods = words[1] == "disabled"   ? PodMode::Disabled
                 : words[1] == "insecure" ? PodMode::Insecure
                                          : PodMode::Verified;
    } else if (option == "ttl" && words.size() == 2) {
        k.ttl_s = reader.number(line, words[1], 0, kTtlMaxS);
    } else if (option == "namespaces" && words.size() > 1) {
        k.namespaces.assign(words.begin() + 1, words.end());
    } else if (option == "labels" && words.size() > 1) {
        k.labels = rest_of(words, 1);
    } else if (option == "namespace_labels" && words.size() > 1) {
        k.namespace_labels = rest_of(words, 1);
    } else if (option == "ignore" && words.size() == 2 && words[1] == "empty_service") {
        k.ignore_empty_service = true;
    } else if (option == "noendpoints") {
        k.no_endpoints = true;
    } else if (option == "endpoint_pod_names") {
        k.endpoint_pod_names = true;
    } else if (option == "fallthrough") {
        k.through = reader.fallthrough(line);
    } else {
        // About the API server, which we are ourselves.
        return option == "endpoint" || option == "tls" || option == "kubeconfig" ||
               option == "startup_timeout" || option == "apiserver_qps" ||
               option == "apiserver_burst" || option == "upstream";
    }
    return true;
}

bool cache_option(const PluginReader& reader, const CorefileLine& line, CacheConfig& cache) {
    const auto& words = line.words;
    const auto& option = words[0];
    const auto number = [&](std::size_t word, std::uint32_t otherwise) {
        return word < words.size() ? reader.number(line, words[word], 0, kNumberMax) : otherwise;
    };
    if (option == "success" && words.size() > 1) {
        cache.success_max = number(1, 0);
        cache.success_ttl_s = number(2, cache.success_ttl_s);
        cache.success_ttl_min_s = number(3, cache.success_ttl_min_s);
    } else if (option == "denial" && words.size() > 1) {
        cache.denial_max = number(1, 0);
        cache.denial_ttl_s = number(2, cache.denial_ttl_s);
        cache.denial_ttl_min_s = number(3, cache.denial_ttl_min_s);
    } else if (option == "prefetch" && words.size() > 1) {
        cache.prefetch = number(1, 0);
        if (words.size() > 2) {
            cache.prefetch_window =
                std::chrono::duration_cast<std::chrono::seconds>(reader.duration(line, 2));
        }
        if (words.size() > 3) {
            auto percent = words[3];
            percent.erase(percent.find_last_not_of('%') + 1);
            cache.prefetch_percent = reader.number(line, percent, 10, 90);
        }
    } else if (option == "serve_stale") {
        constexpr std::chrono::seconds kStale{3600};
        cache.serve_stale =
            words.size() > 1
                ? std::chrono::duration_cast<std::chrono::seconds>(reader.duration(line, 1))
                : kStale;
    } else if (option == "servfail" && words.size() == 2) {
        cache.servfail_ttl_s = static_cast<std::uint32_t>(
            std::chrono::duration_cast<std::chrono::seconds>(reader.duration(line, 1)).count());
        if (cache.servfail_ttl_s > 300) { // RFC 2308 section 7.1
            reader.fail(line, "servfail is at most 5m (RFC 2308)");
        }
    } else {
        return option == "disable" || option == "keepttl";
    }
    return true;
}

bool forward_option(const PluginReader& reader, const CorefileLine& line, ForwardConfig& forward) {
    const auto& words = line.words;
    const auto& option = words[0];
    if (option == "except" && words.size() > 1) {
        forward.except = reader.zones(words, 1);
    } else if (option == "force_tcp") {
        forward.force_tcp = true;
    } else if (option == "prefer_udp") {
        forward.prefer_udp = true;
    } else if (option == "max_fails" && words.size() == 2) {
        forward.max_fails = reader.number(line, words[1], 0, kNumberMax);
    } else if (option == "max_concurrent" && words.size() == 2) {
        forward.max_concurrent = reader.number(line, words[1], 0, kNumberMax);
    } else if (option == "expire" && words.size() == 2) {
        forward.expire = reader.duration(line, 1);
    } else if (option == "policy" && words.size() == 2) {
        if (words[1] != "random" && words[1] != "round_robin" && words[1] != "sequential") {
            reader.fail(line, "policy is random, round_robin or sequential");
        }
        forward.policy = words[1] == "random"        ? ForwardConfig::Policy::Random
                         : words[1] == "round_robin" ? ForwardConfig::Policy::RoundRobin
                                                     : ForwardConfig::Policy::Sequential;
    } else {
        return option == "health_check" || option == "failfast_all_unhealthy_upstreams" ||
               option == "next";
    }
    return true;
}

} // namespace

void PluginReader::fail(const CorefileLine& line, const std::string& what, std::string hint) const {
    corefile_error(file_, line.number, what, std::move(hint));
}

std::string PluginReader::argument_or(std::size_t index, const char* fallback) const {
    return index < directive_.arguments.size() ? directive_.arguments[index] : fallback;
}

std::uint32_t PluginReader::number(
    const CorefileLine& line,
    const std::string& text,
    std::uint32_t least,
    std::uint32_t most) const {
    std::uint32_t value = 0;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end || value < least || value > most) {
        fail(
            line,
            "'" + text + "' is no number from " + std::to_string(least) + " to " +
                std::to_string(most));
    }
    return value;
}

std::chrono::milliseconds PluginReader::duration(const CorefileLine& line, std::size_t word) const {
    const auto micros =
        word < line.words.size() ? netemu::parse_duration_us(line.words[word]) : std::nullopt;
    if (!micros) {
        fail(line, "a duration like 5s is missing");
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::microseconds(*micros));
}

std::vector<Name> PluginReader::zones(const Words& words, std::size_t first) const {
    std::vector<Name> zones;
    for (auto i = first; i < words.size(); ++i) {
        zones.push_back(corefile_zone(words[i], file_, directive_.line));
    }
    return zones.empty() ? block_.zones : zones;
}

Fallthrough PluginReader::fallthrough(const CorefileLine& line) const {
    Fallthrough through{true, {}};
    for (std::size_t i = 1; i < line.words.size(); ++i) {
        through.zones.push_back(corefile_zone(line.words[i], file_, line.number));
    }
    return through;
}

void read_kubernetes(PluginReader& reader, ServerBlock& block) {
    KubernetesConfig config;
    config.zones = reader.zones(reader.directive().arguments, 0);
    for (const auto& line : reader.directive().body) {
        if (!kubernetes_option(reader, line, config)) {
            unknown_option(reader, line);
        }
    }
    if (block.kubernetes) {
        reader.fail(reader.head(), "kubernetes is there twice");
    }
    block.kubernetes = std::move(config);
}

void read_hosts_plugin(PluginReader& reader, ServerBlock& block) {
    HostsConfig config;
    config.line = reader.directive().line;
    config.file = reader.argument_or(0, "");
    config.zones = reader.zones(reader.directive().arguments, 1);
    for (const auto& line : reader.directive().body) {
        const auto& option = line.words[0];
        if (option == "fallthrough") {
            config.through = reader.fallthrough(line);
        } else if (option == "ttl" && line.words.size() == 2) {
            config.ttl_s = reader.number(line, line.words[1], 1, 65535);
        } else if (option == "no_reverse") {
            config.no_reverse = true;
        } else if (netemu::IpAddress::parse(option) && line.words.size() > 1) {
            config.lines.push_back(rest_of(line.words, 0));
        } else if (option != "reload") {
            unknown_option(reader, line);
        }
    }
    block.hosts = std::move(config);
}

std::optional<std::uint16_t> plugin_port(const std::optional<std::string>& address) {
    const auto colon = address ? address->rfind(':') : std::string::npos;
    if (colon == std::string::npos) {
        return std::nullopt;
    }
    std::uint16_t port = 0;
    const auto* end = address->data() + address->size();
    const auto parsed = std::from_chars(address->data() + colon + 1, end, port);
    return parsed.ec == std::errc{} && parsed.ptr == end && port > 0 ? std::optional(port)
                                                                     : std::nullopt;
}

std::optional<netemu::Endpoint> forward_address(std::string_view word) {
    constexpr std::string_view kScheme = "dns://";
    constexpr std::uint16_t kPort = 53;
    if (word.starts_with(kScheme)) {
        word.remove_prefix(kScheme.size());
    }
    if (const auto address = netemu::IpAddress::parse(word)) {
        return netemu::Endpoint{*address, kPort};
    }
    return netemu::Endpoint::parse(word);
}

void read_forward(PluginReader& reader, ServerBlock& block) {
    const auto& arguments = reader.directive().arguments;
    ForwardConfig config;
    if (arguments.size() < 2 || arguments.size() > 1 + limits::kUpstreamsMax) {
        reader.fail(reader.head(), "forward is FROM TO..., with 1 to 15 upstreams");
    }
    config.from = reader.zones({arguments[0]}, 0)[0];
    config.to.assign(arguments.begin() + 1, arguments.end());
    for (const auto& to : config.to) {
        if (!to.starts_with('/') && !forward_address(to)) {
            reader.fail(
                reader.head(),
                "forward to '" + to + "', which is no address and no file",
                "an address like 10.0.0.1 or 10.0.0.1:5353, or /etc/resolv.conf");
        }
    }
    for (const auto& line : reader.directive().body) {
        if (!forward_option(reader, line, config)) {
            unknown_option(reader, line);
        }
    }
    block.forward.push_back(std::move(config));
}

void read_cache(PluginReader& reader, ServerBlock& block) {
    const auto& arguments = reader.directive().arguments;
    CacheConfig config;
    std::size_t first = 0;
    if (!arguments.empty() && arguments[0].find_first_not_of("0123456789") == std::string::npos) {
        config.success_ttl_s = config.denial_ttl_s =
            reader.number(reader.head(), arguments[0], 1, kNumberMax);
        first = 1;
    }
    config.zones = reader.zones(arguments, first);
    for (const auto& line : reader.directive().body) {
        if (!cache_option(reader, line, config)) {
            unknown_option(reader, line);
        }
    }
    block.cache = std::move(config);
}

void read_file_plugin(PluginReader& reader, ServerBlock& block) {
    const auto& arguments = reader.directive().arguments;
    if (arguments.empty()) {
        reader.fail(reader.head(), "file is FILE [ZONE...]");
    }
    FileConfig config{arguments[0], reader.zones(arguments, 1), {}, reader.directive().line};
    for (const auto& line : reader.directive().body) {
        if (line.words[0] == "fallthrough") {
            config.through = reader.fallthrough(line);
        } else if (line.words[0] != "reload") {
            unknown_option(reader, line);
        }
    }
    block.files.push_back(std::move(config));
}

void read_autopath(PluginReader& reader, ServerBlock& block) {
    const auto& arguments = reader.directive().arguments;
    if (arguments.empty()) {
        reader.fail(reader.head(), "autopath is [ZONE...] RESOLV-CONF, or @kubernetes");
    }
    AutopathConfig config;
    config.resolv_conf = arguments.back();
    config.zones = reader.zones(Words(arguments.begin(), arguments.end() - 1), 0);
    block.autopath = std::move(config);
}

void read_template(PluginReader& reader, ServerBlock& block) {
    const auto& arguments = reader.directive().arguments;
    TemplateConfig config;
    const auto klass = arguments.size() > 1 ? parse_class(arguments[0]) : std::nullopt;
    const auto type = arguments.size() > 1 ? parse_type(arguments[1]) : std::nullopt;
    if (!klass || !type) {
        reader.fail(reader.head(), "template is CLASS TYPE [ZONE...]");
    }
    config.klass = *klass;
    config.type = *type;
    config.zones = reader.zones(arguments, 2);
    for (const auto& line : reader.directive().body) {
        const auto& option = line.words[0];
        const auto text = rest_of(line.words, 1);
        if (option == "match") {
            config.match.insert(config.match.end(), line.words.begin() + 1, line.words.end());
        } else if (option == "answer") {
            config.answer.push_back(text);
        } else if (option == "additional") {
            config.additional.push_back(text);
        } else if (option == "authority") {
            config.authority.push_back(text);
        } else if (option == "rcode") {
            const auto rcode = parse_rcode(text);
            if (!rcode) {
                reader.fail(line, "'" + text + "' is no rcode");
            }
            config.rcode = *rcode;
        } else if (option == "fallthrough") {
            config.through = reader.fallthrough(line);
        } else if (option != "upstream" && option != "ederror") {
            unknown_option(reader, line);
        }
    }
    block.templates.push_back(std::move(config));
}

} // namespace dns
