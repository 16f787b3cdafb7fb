#include "labctl/dataplane/traffic_wire.h"

#include <type_traits>

#include "labctl/dataplane/wire.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {

namespace {

using mesh::istio::Regex;

/// Each value is written and read by one function, which takes the fields one by one: `Fields` is
/// what writes them, or what reads them.
class FieldWriter {
public:
    void operator()(const std::string& text) { writer_.text(text); }
    void operator()(bool flag) { writer_.u8(flag ? 1 : 0); }
    void operator()(std::uint16_t number) { writer_.u16(number); }
    void operator()(std::uint32_t number) { writer_.u32(number); }
    void operator()(int number) { writer_.u32(static_cast<std::uint32_t>(number)); }
    void operator()(const Regex& regex) { writer_.text(regex.text()); }
    template <class Rep, class Period>
    void operator()(std::chrono::duration<Rep, Period> time) {
        writer_.u32(static_cast<std::uint32_t>(time.count()));
    }
    template <class Enum>
    requires std::is_enum_v<Enum>
    void operator()(Enum value) { writer_.u8(static_cast<std::uint8_t>(value)); }
    template <class Value>
    void operator()(const std::optional<Value>& value) {
        writer_.u8(value ? 1 : 0);
        if (value) {
            (*this)(*value);
        }
    }
    template <class Value>
    void operator()(const std::vector<Value>& values) {
        writer_.u32(static_cast<std::uint32_t>(values.size()));
        for (const auto& value : values) {
            (*this)(value);
        }
    }
    void operator()(const mesh::istio::Labels& labels) {
        writer_.u32(static_cast<std::uint32_t>(labels.size()));
        for (const auto& [key, value] : labels) {
            writer_.text(key).text(value);
        }
    }
    template <class Value>
    requires std::is_class_v<Value>
    void operator()(const Value& value) {
        visit_fields(const_cast<Value&>(value), *this); // NOLINT: which only reads them
    }
    [[nodiscard]] const std::string& bytes() const { return writer_.bytes(); }

private:
    WireWriter writer_;
};

class FieldReader {
public:
    FieldReader(std::string_view bytes, std::size_t endpoints)
        : reader_(bytes), endpoints_(endpoints) {}

    void operator()(std::string& text) { text = reader_.text(); }
    void operator()(bool& flag) { flag = reader_.u8() != 0; }
    void operator()(std::uint16_t& number) { number = reader_.u16(); }
    void operator()(std::uint32_t& number) { number = reader_.u32(); }
    void operator()(int& number) { number = static_cast<int>(reader_.u32()); }
    void operator()(Regex& regex) {
        const auto text = reader_.text();
        regex = text.empty() ? Regex() : Regex(std::string(text));
    }
    template <class Rep, class Period>
    void operator()(std::chrono::duration<Rep, Period>& time) {
        time = std::chrono::duration<Rep, Period>(reader_.u32());
    }
    template <class Enum>
    requires std::is_enum_v<Enum>
    void operator()(Enum& value) {
        const auto number = reader_.u8();
        if (number > static_cast<std::uint8_t>(last_of(value))) {
            throw netemu::Error("a rule for traffic has a number that means nothing");
        }
        value = static_cast<Enum>(number);
    }
    template <class Value>
    void operator()(std::optional<Value>& value) {
        value.reset();
        if (reader_.u8() != 0) {
            (*this)(value.emplace());
        }
    }
    template <class Value>
    void operator()(std::vector<Value>& values) {
        values.clear();
        for (auto count = reader_.u32(); count > 0; --count) {
            (*this)(values.emplace_back());
        }
    }
    void operator()(mesh::istio::Labels& labels) {
        for (auto count = reader_.u32(); count > 0; --count) {
            const std::string key(reader_.text());
            labels[key] = reader_.text();
        }
    }
    template <class Value>
    requires std::is_class_v<Value>
    void operator()(Value& value) { visit_fields(value, *this); }
    void check(const mesh::SidecarSubset& subset) const {
        for (const auto place : subset.endpoints) {
            if (place >= endpoints_) {
                throw netemu::Error("a subset has an endpoint that is none");
            }
        }
    }
    void finish() const { reader_.expect_end("the rules for traffic"); }

private:
    static auto last_of(mesh::istio::StringMatch::Kind /*of*/) {
        return mesh::istio::StringMatch::Kind::Regex;
    }
    static auto last_of(mesh::istio::Balancer /*of*/) { return mesh::istio::Balancer::Hash; }
    static auto last_of(mesh::istio::HashKey::Of /*of*/) { return mesh::istio::HashKey::Of::Query; }
    static auto last_of(mesh::istio::ClientTls /*of*/) {
        return mesh::istio::ClientTls::IstioMutual;
    }

    WireReader reader_;
    std::size_t endpoints_;
};

template <class... Fields>
void each_field(auto& visit, Fields&... fields) {
    (visit(fields), ...);
}

void visit_fields(mesh::Header& v, auto& f) {
    each_field(f, v.name, v.value);
}
void visit_fields(mesh::istio::StringMatch& v, auto& f) {
    each_field(f, v.kind, v.text, v.regex);
}
void visit_fields(mesh::istio::NamedMatch& v, auto& f) {
    each_field(f, v.name, v.match);
}
void visit_fields(mesh::istio::HttpMatch& v, auto& f) {
    each_field(f, v.name, v.uri, v.ignore_uri_case, v.scheme, v.method, v.authority);
    each_field(f, v.headers, v.without_headers, v.query, v.port, v.source_labels, v.source_ns);
}
void visit_fields(mesh::istio::HeaderEdits& v, auto& f) {
    each_field(f, v.set, v.add, v.remove);
}
void visit_fields(mesh::istio::HeaderOperations& v, auto& f) {
    each_field(f, v.request, v.response);
}
void visit_fields(mesh::istio::Destination& v, auto& f) {
    each_field(f, v.host, v.subset, v.port);
}
void visit_fields(mesh::istio::WeightedDestination& v, auto& f) {
    each_field(f, v.to, v.weight, v.headers);
}
void visit_fields(mesh::istio::Redirect& v, auto& f) {
    each_field(f, v.uri, v.authority, v.scheme, v.port, v.status);
}
void visit_fields(mesh::istio::DirectResponse& v, auto& f) {
    each_field(f, v.status, v.body);
}
void visit_fields(mesh::istio::Rewrite& v, auto& f) {
    each_field(f, v.uri, v.authority, v.pattern, v.substitution);
}
void visit_fields(mesh::istio::Retries& v, auto& f) {
    each_field(f, v.attempts, v.per_try, v.on, v.backoff_base);
}
void visit_fields(mesh::istio::Delay& v, auto& f) {
    each_field(f, v.time, v.share);
}
void visit_fields(mesh::istio::Abort& v, auto& f) {
    each_field(f, v.status, v.grpc_status, v.share);
}
void visit_fields(mesh::istio::Fault& v, auto& f) {
    each_field(f, v.delay, v.abort);
}
void visit_fields(mesh::istio::Mirror& v, auto& f) {
    each_field(f, v.to, v.share);
}
void visit_fields(mesh::istio::HttpRoute& v, auto& f) {
    each_field(f, v.name, v.match, v.to, v.redirect, v.direct, v.rewrite, v.timeout, v.retries);
    each_field(f, v.fault, v.mirrors, v.headers);
}
void visit_fields(mesh::istio::VirtualService& v, auto& f) {
    each_field(f, v.ns, v.name, v.hosts, v.export_to, v.created, v.of_mesh, v.http);
}
void visit_fields(mesh::istio::HashKey& v, auto& f) {
    each_field(f, v.of, v.name, v.ttl, v.path);
}
void visit_fields(mesh::istio::Balancing& v, auto& f) {
    each_field(f, v.how, v.key);
}
void visit_fields(mesh::istio::ConnectionPool& v, auto& f) {
    each_field(f, v.connections, v.pending, v.requests, v.retries, v.connect_timeout);
}
void visit_fields(mesh::istio::OutlierDetection& v, auto& f) {
    each_field(f, v.consecutive_5xx, v.consecutive_gateway, v.interval, v.base_ejection);
    each_field(f, v.max_percent, v.min_health_percent);
}
void visit_fields(mesh::istio::PolicyFields& v, auto& f) {
    each_field(f, v.balancing, v.pool, v.outliers, v.tls);
}
void visit_fields(mesh::SidecarSubset& v, auto& f) {
    each_field(f, v.name, v.endpoints, v.policy);
    if constexpr (requires { f.check(v); }) {
        f.check(v);
    }
}
void visit_fields(mesh::SidecarDestinationRule& v, auto& f) {
    each_field(f, v.ns, v.name, v.export_to, v.policy, v.subsets);
}

template <class Value>
std::string encode_fields(const Value& value) {
    FieldWriter writer;
    writer(value);
    return writer.bytes();
}

template <class Value>
Value decode_fields(std::string_view bytes, std::size_t endpoints) {
    FieldReader reader(bytes, endpoints);
    Value value;
    reader(value);
    reader.finish();
    return value;
}

} // namespace

std::string encode_virtual_services(const std::vector<mesh::istio::VirtualService>& services) {
    return encode_fields(services);
}

std::string encode_destination_rules(const std::vector<mesh::SidecarDestinationRule>& rules) {
    return encode_fields(rules);
}

std::vector<mesh::istio::VirtualService> decode_virtual_services(std::string_view bytes) {
    return decode_fields<std::vector<mesh::istio::VirtualService>>(bytes, 0);
}

std::vector<mesh::SidecarDestinationRule>
decode_destination_rules(std::string_view bytes, std::size_t endpoints) {
    return decode_fields<std::vector<mesh::SidecarDestinationRule>>(bytes, endpoints);
}

} // namespace labctl::dataplane
