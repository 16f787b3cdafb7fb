#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "labctl/probe/probe.h"
#include "netemu/base/address.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::probe {
namespace {

using netemu::UsageError;

struct SchemeName {
    std::string_view text;
    Scheme scheme;
};

constexpr std::array<SchemeName, 8> kSchemes = {
    {{"tcp", Scheme::Tcp},
     {"udp", Scheme::Udp},
     {"icmp", Scheme::Icmp},
     {"http", Scheme::Http},
     {"dns", Scheme::Dns},
     {"sctp", Scheme::Sctp},
     {"https", Scheme::Https},
     {"grpc", Scheme::Grpc}}};

constexpr std::array<std::string_view, 10> kDnsTypes = {
    "A", "AAAA", "SRV", "PTR", "CNAME", "TXT", "NS", "SOA", "MX", "ANY"};

constexpr std::string_view kPodPrefix = "pod:";

class TargetParser {
public:
    explicit TargetParser(const std::string& text) : rest_(text) { target_.text = text; }

    Target parse() {
        scheme();
        if (rest_.starts_with(kPodPrefix)) {
            pod_host();
        } else if (rest_.starts_with('[')) {
            bracketed_host();
        } else {
            plain_host();
        }
        port();
        path();
        if (target_.scheme == Scheme::Dns) {
            dns_query();
        } else if (target_.scheme == Scheme::Grpc) {
            grpc_method();
        }
        return std::move(target_);
    }

private:
    [[noreturn]] void fail(const std::string& what, const std::string& hint = {}) const {
        throw UsageError("target \"" + target_.text + "\": " + what, hint);
    }

    void scheme() {
        const auto mark = rest_.find("://");
        if (mark == std::string_view::npos) {
            fail(
                "no scheme",
                "write it as tcp://HOST:PORT, udp://, icmp://, http://, https://, grpc://, dns:// "
                "or sctp://");
        }
        const auto name = rest_.substr(0, mark);
        const auto* found = std::find_if(
            kSchemes.begin(), kSchemes.end(), [name](const auto& row) { return row.text == name; });
        if (found == kSchemes.end()) {
            std::vector<std::string> known;
            std::transform(
                kSchemes.begin(), kSchemes.end(), std::back_inserter(known), [](const auto& row) {
                    return std::string(row.text);
                });
            const auto near = netemu::nearest(name, known);
            fail(
                "unknown scheme \"" + std::string(name) + "\"",
                near ? "did you mean '" + *near + "'?"
                     : "known are tcp, udp, icmp, http, https, grpc, dns and sctp");
        }
        target_.scheme = found->scheme;
        rest_.remove_prefix(mark + 3);
    }

    void pod_host() {
        const auto slash = rest_.find('/');
        if (slash == std::string_view::npos) {
            fail("a pod is written pod:NAMESPACE/NAME");
        }
        const auto end = std::min(rest_.find_first_of(":/?", slash + 1), rest_.size());
        const auto ns = rest_.substr(kPodPrefix.size(), slash - kPodPrefix.size());
        const auto name = rest_.substr(slash + 1, end - slash - 1);
        if (!is_name(ns) || !is_name(name)) {
            fail("a pod is written pod:NAMESPACE/NAME");
        }
        target_.host = rest_.substr(0, end);
        rest_.remove_prefix(end);
    }

    void bracketed_host() {
        const auto end = rest_.find(']');
        const auto inside = rest_.substr(1, end == std::string_view::npos ? end : end - 1);
        const auto address = netemu::IpAddress::parse(inside);
        if (end == std::string_view::npos || !address || !address->is_v6()) {
            fail("what is in brackets is not an IPv6 address");
        }
        target_.host = address->to_string();
        rest_.remove_prefix(end + 1);
    }

    void plain_host() {
        const auto authority = rest_.substr(0, rest_.find_first_of("/?"));
        if (std::count(authority.begin(), authority.end(), ':') > 1) {
            fail("an IPv6 address needs brackets");
        }
        const auto host = authority.substr(0, authority.find(':'));
        if (host.empty()) {
            fail("no host");
        }
        if (!is_name(host)) {
            fail("\"" + std::string(host) + "\" is neither an address nor a name");
        }
        target_.host = host;
        rest_.remove_prefix(host.size());
    }

    /// Letters, digits, '-', '_' in labels of 1 to 63, 253 in all, perhaps with a dot at the end.
    static bool is_name(std::string_view text) {
        if (text.ends_with('.')) {
            text.remove_suffix(1);
        }
        if (text.empty() || text.size() > 253) {
            return false;
        }
        const auto labels = netemu::split(text, '.');
        return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
            return !label.empty() && label.size() <= 63 &&
                   label.find_first_not_of(
                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
                       std::string_view::npos;
        });
    }

    void port() {
        const bool portless = target_.scheme == Scheme::Icmp || target_.scheme == Scheme::Dns;
        if (!rest_.starts_with(':')) {
            const bool usual = target_.scheme == Scheme::Http || target_.scheme == Scheme::Https;
            if (!portless && !usual) {
                fail("no port");
            }
            return;
        }
        const auto end = std::min(rest_.find_first_of("/?"), rest_.size());
        const auto text = rest_.substr(1, end - 1);
        if (portless) {
            fail(to_string(target_.scheme) + " has no ports");
        }
        if (!is_port(text)) {
            fail(
                "\"" + std::string(text) + "\" is neither a port (1 to 65535) nor the name of one");
        }
        target_.port = text;
        rest_.remove_prefix(end);
    }

    static bool is_port(std::string_view text) {
        if (text.empty()) {
            return false;
        }
        if (text.find_first_not_of("0123456789") != std::string_view::npos) {
            return text.size() <= 63 &&
                   text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") ==
                       std::string_view::npos;
        }
        unsigned number = 0;
        const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
        return result.ec == std::errc() && number >= 1 && number <= 65535;
    }

    void path() {
        if (rest_.empty()) {
            return;
        }
        const bool has_path = is_http(target_.scheme) || target_.scheme == Scheme::Dns;
        if (!has_path && rest_ != "/") {
            fail("a " + to_string(target_.scheme) + " target ends behind the port");
        }
        const auto forbidden = std::find_if(rest_.begin(), rest_.end(), [](char c) {
            const auto byte = static_cast<unsigned char>(c);
            return byte <= 0x20 || byte == 0x7f;
        });
        if (forbidden != rest_.end()) {
            fail("a space or control character in the path", "write a space as %20");
        }
        target_.path = rest_.front() == '/' ? "" : "/";
        target_.path += rest_;
    }

    /// The method of a grpc target, "/package.Service/Method".
    void grpc_method() {
        auto& path = target_.path;
        if (path == "/") {
            path = kGrpcHealthCheck;
        }
        const auto slash = path.rfind('/');
        if (slash < 2 || slash + 1 == path.size() || path.find_first_of("?#") != path.npos) {
            fail(
                "a method of gRPC is written /package.Service/Method",
                std::string("without one it is ") + kGrpcHealthCheck);
        }
    }

    /// The query of a dns target, "/?type=A&tcp=true".
    void dns_query() {
        if (target_.host.starts_with(kPodPrefix)) {
            fail("a dns target asks for a name, not for a pod");
        }
        std::string_view query = target_.path;
        query.remove_prefix(1);
        if (query.empty()) {
            return;
        }
        if (query.front() != '?') {
            fail("a dns target has no path", "write it as dns://NAME?type=A");
        }
        for (const auto field : netemu::split(query.substr(1), '&')) {
            const auto equals = std::min(field.find('='), field.size());
            const auto value = field.substr(std::min(equals + 1, field.size()));
            dns_field(field.substr(0, equals), value);
        }
    }

    void dns_field(std::string_view name, std::string_view value) {
        auto& dns = target_.dns;
        if (name == "type") {
            dns.type = value;
            std::transform(dns.type.begin(), dns.type.end(), dns.type.begin(), [](char c) {
                return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
            });
            if (std::find(kDnsTypes.begin(), kDnsTypes.end(), dns.type) == kDnsTypes.end()) {
                fail(
                    "\"" + std::string(value) + "\" is no type to ask for",
                    "known are A, AAAA, SRV, PTR, CNAME, TXT, NS, SOA, MX and ANY");
            }
        } else if (name == "tcp") {
            dns.tcp = boolean(name, value);
        } else if (name == "search") {
            dns.search = boolean(name, value);
        } else if (name == "server") {
            if (!netemu::IpAddress::parse(value) && !netemu::Endpoint::parse(value)) {
                fail("\"" + std::string(value) + "\" is not the address of a server");
            }
            dns.server = value;
        } else {
            fail(
                "unknown field \"" + std::string(name) + "\"",
                "known are type, tcp, search and server");
        }
    }

    [[nodiscard]] bool boolean(std::string_view name, std::string_view value) const {
        if (value != "true" && value != "false") {
            fail(std::string(name) + " is true or false");
        }
        return value == "true";
    }

    Target target_;
    std::string_view rest_;
};

} // namespace

std::string to_string(Scheme scheme) {
    const auto* found = std::find_if(kSchemes.begin(), kSchemes.end(), [scheme](const auto& row) {
        return row.scheme == scheme;
    });
    return std::string(found->text);
}

Target Target::parse(const std::string& text) {
    return TargetParser(text).parse();
}

} // namespace labctl::probe
