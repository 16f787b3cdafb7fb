#include "labctl/dataplane/gateway_wire.h"

#include <type_traits>

#include "labctl/dataplane/wire.h"
#include "netemu/base/error.h"
#include "services/gateway.h"

namespace labctl::dataplane {
namespace {

constexpr std::string_view kGatewayRulesPrefix = "gateway ";

// Each value is written and read by one function, so that both sides agree: `io` is what writes the
// fields, or what reads them.

template <class Io>
void fields_of(Io& io, services::GatewayValueMatch& v) {
    io(v.name, v.value, v.is_regex);
}
template <class Io>
void fields_of(Io& io, services::GatewayMatch& v) {
    io(v.path_kind, v.path, v.method, v.headers, v.query);
}
template <class Io>
void fields_of(Io& io, services::GatewayHeader& v) {
    io(v.name, v.value);
}
template <class Io>
void fields_of(Io& io, services::GatewayHeaderEdits& v) {
    io(v.set, v.add, v.remove);
}
template <class Io>
void fields_of(Io& io, services::GatewayPathEdit& v) {
    io(v.kind, v.value);
}
template <class Io>
void fields_of(Io& io, services::GatewayRedirect& v) {
    io(v.scheme, v.host, v.port, v.path, v.status);
}
template <class Io>
void fields_of(Io& io, services::GatewayRewrite& v) {
    io(v.host, v.path);
}
template <class Io>
void fields_of(Io& io, services::GatewayMirror& v) {
    io(v.backend, v.numerator, v.denominator);
}
template <class Io>
void fields_of(Io& io, services::IngressBackend& v) {
    io(v.name, v.endpoints, v.problem);
}
template <class Io>
void fields_of(Io& io, services::GatewayBackend& v) {
    io(v.service, v.is_wrong);
}
template <class Io>
void fields_of(Io& io, services::GatewayShare& v) {
    io(v.backend, v.weight, v.request, v.response);
}
template <class Io>
void fields_of(Io& io, services::GatewayRule& v) {
    io(v.matches, v.request, v.response, v.redirect, v.rewrite, v.mirrors, v.backends);
    io(v.timeout, v.backend_timeout, v.problem);
}
template <class Io>
void fields_of(Io& io, services::GatewayRoute& v) {
    io(v.name, v.created, v.rules);
}
template <class Io>
void fields_of(Io& io, services::GatewayEntry& v) {
    io(v.hostname, v.route, v.rule, v.match);
}
template <class Io>
void fields_of(Io& io, services::GatewayListener& v) {
    io(v.name, v.hostname, v.port, v.tls, v.certificates, v.entries);
}
template <class Io>
void fields_of(Io& io, services::IngressCertificate& v) {
    io(v.secret, v.hosts, v.chain_pem, v.key_pem);
}
template <class Io>
void fields_of(Io& io, services::GatewayTable& v) {
    io(v.listeners, v.routes, v.backends, v.certificates);
}

class GatewayWriter {
public:
    template <class... Values>
    void operator()(Values&... values) {
        (put(values), ...);
    }
    WireWriter writer;

private:
    void put(std::string& text) { writer.text(text); }
    void put(netemu::Endpoint& endpoint) { writer.endpoint(endpoint); }
    void put(std::chrono::milliseconds& time) {
        writer.u32(static_cast<std::uint32_t>(time.count()));
    }
    template <class Value>
    void put(std::optional<Value>& value) {
        writer.u8(value ? 1 : 0);
        value ? put(*value) : void();
    }
    template <class Value>
    void put(std::vector<Value>& values) {
        writer.u32(static_cast<std::uint32_t>(values.size()));
        for (auto& value : values) {
            put(value);
        }
    }
    template <class Value>
    void put(Value& value) {
        if constexpr (std::is_class_v<Value>) {
            fields_of(*this, value);
        } else {
            writer.u32(static_cast<std::uint32_t>(value));
        }
    }
};

class GatewayReader {
public:
    explicit GatewayReader(std::string_view bytes) : reader(bytes) {}
    template <class... Values>
    void operator()(Values&... values) {
        (get(values), ...);
    }
    WireReader reader;

private:
    void get(std::string& text) { text = reader.text(); }
    void get(netemu::Endpoint& endpoint) { endpoint = reader.endpoint(); }
    void get(std::chrono::milliseconds& time) { time = std::chrono::milliseconds(reader.u32()); }
    void get(services::GatewayPathKind& kind) { get_enum(kind, services::GatewayPathKind::Regex); }
    void get(services::GatewayPathEdit::Kind& kind) {
        get_enum(kind, services::GatewayPathEdit::Kind::Prefix);
    }
    template <class Enum>
    void get_enum(Enum& value, Enum last) {
        const auto number = reader.u32();
        if (number > static_cast<std::uint32_t>(last)) {
            throw netemu::Error("a rule of a Gateway has a number that means nothing");
        }
        value = static_cast<Enum>(number);
    }
    template <class Value>
    void get(std::optional<Value>& value) {
        if (reader.u8() != 0) {
            get(value.emplace());
        }
    }
    template <class Value>
    void get(std::vector<Value>& values) {
        for (auto count = reader.u32(); count > 0; --count) {
            get(values.emplace_back());
        }
    }
    template <class Value>
    void get(Value& value) {
        if constexpr (std::is_class_v<Value>) {
            fields_of(*this, value);
        } else {
            value = static_cast<Value>(reader.u32());
        }
    }
};

/// Indices lead somewhere.
void check_places(const services::GatewayTable& table) {
    const auto check = [](bool leads_somewhere) {
        if (!leads_somewhere) {
            throw netemu::Error("a rule of a Gateway leads nowhere");
        }
    };
    for (const auto& route : table.routes) {
        for (const auto& rule : route.rules) {
            for (const auto& share : rule.backends) {
                check(share.backend < table.backends.size());
            }
            for (const auto& mirror : rule.mirrors) {
                check(mirror.backend < table.backends.size());
            }
        }
    }
    for (const auto& listener : table.listeners) {
        for (const auto certificate : listener.certificates) {
            check(certificate < table.certificates.size());
        }
        for (const auto& entry : listener.entries) {
            check(
                entry.route < table.routes.size() &&
                entry.rule < table.routes[entry.route].rules.size() &&
                entry.match < services::rule_of(table, entry).matches.size());
        }
    }
}

} // namespace

std::string gateway_rules_name(const std::string& gateway) {
    return std::string(kGatewayRulesPrefix) + gateway;
}

bool is_gateway_rules(std::string_view name) {
    return name.starts_with(kGatewayRulesPrefix);
}

std::string encode_gateway_table(const services::GatewayTable& table) {
    GatewayWriter writer;
    auto copy = table; // the functions above take what they read and what they write alike
    writer(copy);
    return writer.writer.bytes();
}

services::GatewayTable decode_gateway_table(std::string_view bytes) {
    GatewayReader reader(bytes);
    services::GatewayTable table;
    reader(table);
    reader.reader.expect_end("a table of a Gateway");
    check_places(table);
    return table;
}

} // namespace labctl::dataplane
