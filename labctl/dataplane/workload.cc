#include "labctl/dataplane/workload.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <vector>

#include "mesh/http/client_certificate.h"
#include "netemu/base/text.h"

namespace labctl::dataplane {
namespace {

using nlohmann::ordered_json;

std::string dump(const ordered_json& json) {
    return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::optional<double> number(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value) ||
        value < 0) {
        return std::nullopt;
    }
    return value;
}

mesh::Response text_response(int status, std::string body) {
    mesh::Response response;
    response.status = status;
    response.headers.add("content-type", "text/plain; charset=utf-8");
    response.body = std::move(body);
    return response;
}

mesh::Response json_response(const ordered_json& json) {
    mesh::Response response;
    response.headers.add("content-type", "application/json");
    response.body = dump(json);
    return response;
}

ordered_json headers_json(const mesh::Headers& headers) {
    auto object = ordered_json::object();
    for (const auto& field : headers.fields()) {
        auto& value = object[netemu::to_lower(field.name)];
        value = value.is_null() ? field.value : value.get<std::string>() + ", " + field.value;
    }
    return object;
}

ordered_json identity_json(const Exchange& exchange) {
    return {
        {"namespace", exchange.pod.ns},
        {"pod", exchange.pod.pod},
        {"node", exchange.pod.node},
        {"port", exchange.port},
        {"client", exchange.client.to_string()}};
}

mesh::Response describe(const Exchange& exchange, const mesh::Request& request) {
    auto json = identity_json(exchange);
    json["method"] = request.method;
    json["path"] = request.path();
    json["query"] = request.query();
    json["headers"] = headers_json(request.headers);
    json["body"] = request.body;
    return json_response(json);
}

mesh::Response echo(const mesh::Request& request) {
    const auto query = request.query();
    const auto code = mesh::query_parameter(query, "code");
    int status = 200;
    if (code && !code->empty()) {
        const auto value = number(*code);
        if (!value || *value < 200 || *value > 599 || *value != std::floor(*value)) {
            return text_response(
                200, "argument 'code' must be an integer or empty, got \"" + *code + "\"\n");
        }
        status = static_cast<int>(*value);
    }
    return text_response(status, mesh::query_parameter(query, "msg").value_or(""));
}

std::optional<int> http_status(std::string_view text) {
    const auto code = number(text);
    return code && *code >= 200 && *code <= 599 && *code == std::floor(*code)
               ? std::optional(static_cast<int>(*code))
               : std::nullopt;
}

mesh::Response status(std::string_view list) {
    const auto code = draw_weighted(list, http_status);
    if (!code) {
        return text_response(400, "Invalid status code");
    }
    auto response = text_response(*code, "");
    if ((*code >= 301 && *code <= 303) || *code == 305 || *code == 307) {
        response.headers.add("location", "/redirect/1");
    } else if (*code == 401) {
        response.headers.add("www-authenticate", "Basic realm=\"Fake Realm\"");
    } else if (*code == 407) {
        response.headers.add("proxy-authenticate", "Basic realm=\"Fake Realm\"");
    }
    return response;
}

Answer delayed(const Exchange& exchange, const mesh::Request& request, std::string_view text) {
    const auto delay = parse_delay(text);
    return delay ? Answer{describe(exchange, request), *delay}
                 : Answer{text_response(400, "Invalid delay")};
}

Answer route(const Exchange& exchange, const mesh::Request& request) {
    constexpr std::string_view kStatus = "/status/";
    constexpr std::string_view kDelay = "/delay/";
    const auto path = request.path();
    if (path == "/hostname" || path == "/hostName") {
        return {text_response(200, exchange.pod.pod)};
    }
    if (path == "/clientip") {
        return {text_response(200, exchange.client.to_string())};
    }
    if (path == "/echo") {
        return {echo(request)};
    }
    if (path == "/healthz") {
        return {text_response(200, "")};
    }
    if (path == "/readyz") {
        return {exchange.ready ? text_response(200, "ok") : text_response(503, "not ready")};
    }
    if (path == "/headers") {
        return {json_response({{"headers", headers_json(request.headers)}})};
    }
    if (path == kWhoamiPath) {
        return {text_response(200, "")}; // the fields say it
    }
    if (path.starts_with(kStatus)) {
        return {status(path.substr(kStatus.size()))};
    }
    if (path.starts_with(kDelay)) {
        return delayed(exchange, request, path.substr(kDelay.size()));
    }
    return {describe(exchange, request)};
}

/// The Date field's value (RFC 9110 section 5.6.7), made once a second.
const std::string& date() {
    static thread_local std::time_t last = 0;
    static thread_local std::string text;
    const auto now = std::time(nullptr);
    if (now != last) {
        std::tm parts{};
        ::gmtime_r(&now, &parts);
        std::array<char, 40> buffer{};
        text.assign(
            buffer.data(),
            std::strftime(buffer.data(), buffer.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts));
        last = now;
    }
    return text;
}

/// kube-proxy's answer on a health-check node port: 503 tells a balancer to send nobody here
/// (pkg/proxy/healthcheck/service_health.go).
mesh::Response health_response(const Exchange& exchange) {
    const auto endpoints = *exchange.health_endpoints;
    auto response = json_response(
        {{"service", {{"namespace", exchange.pod.ns}, {"name", exchange.pod.pod}}},
         {"localEndpoints", endpoints},
         {"serviceProxyHealthy", true}});
    response.status = endpoints > 0 ? 200 : 503;
    response.headers.add("x-content-type-options", "nosniff");
    response.headers.add("x-load-balancing-endpoint-weight", std::to_string(endpoints));
    return response;
}

} // namespace

Answer answer_http(const Exchange& exchange, const mesh::Request& request) {
    if (exchange.health_endpoints) {
        return {health_response(exchange), {}};
    }
    auto answer = route(exchange, request);
    sign_answer(exchange, request, answer.response);
    return answer;
}

void sign_answer(const Exchange& exchange, const mesh::Request& request, mesh::Response& response) {
    auto& headers = response.headers;
    const auto client = exchange.client.address.to_string();
    headers.add("server", "labctl");
    headers.add("date", date());
    headers.add(std::string(kBackendField), exchange.pod.key());
    headers.add(std::string(kClientField), client);
    // Anybody can write the field; only the pod's own sidecar asks from these addresses.
    const auto* said = client == "127.0.0.6" || client == "::6"
                           ? request.headers.find("x-forwarded-client-cert")
                           : nullptr;
    if (said != nullptr) {
        const auto certificate = mesh::read_forwarded_certificate(*said);
        headers.add(std::string(kIdentityField), certificate.by);
        headers.add(std::string(kClientIdentityField), certificate.uri);
    }
}

std::optional<int> draw_weighted(std::string_view list, const ReadCode& read) {
    std::vector<int> codes;
    std::vector<double> weights;
    for (const auto entry : netemu::split(list, ',')) {
        const auto colon = entry.find(':');
        const auto code = read(entry.substr(0, colon));
        const auto weight = colon == std::string_view::npos ? 1.0 : number(entry.substr(colon + 1));
        if (!code || !weight) {
            return std::nullopt;
        }
        codes.push_back(*code);
        weights.push_back(*weight);
    }
    if (codes.size() == 1) {
        return codes.front();
    }
    static thread_local std::minstd_rand random(std::minstd_rand::default_seed);
    std::discrete_distribution<std::size_t> draw(weights.begin(), weights.end());
    return codes[draw(random)];
}

std::optional<std::chrono::milliseconds> parse_delay(std::string_view text) {
    const auto seconds = number(text);
    if (!seconds) {
        return std::nullopt;
    }
    const auto limited = std::min(*seconds, static_cast<double>(kDelayMax.count()));
    return std::chrono::milliseconds(std::llround(limited * 1000));
}

std::string whoami_bytes(const Exchange& exchange) {
    std::string bytes = "HTTP/1.1 200 OK\r\nserver: labctl\r\n";
    bytes.append(kBackendField).append(": ").append(exchange.pod.key()).append("\r\n");
    bytes.append(kClientField).append(": ").append(exchange.client.address.to_string());
    return bytes.append("\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
}

std::string answer_udp(const Exchange& exchange, std::string_view datagram) {
    const auto text = netemu::trim(datagram);
    const auto command = netemu::to_lower(text.substr(0, 9));
    if (command == "hostname") {
        return exchange.pod.pod;
    }
    if (command == "clientip") {
        return exchange.client.to_string();
    }
    if (command.starts_with("echo ")) {
        return std::string(text.substr(5));
    }
    auto json = identity_json(exchange);
    json["body"] = datagram;
    return dump(json);
}

std::string
access_log_line(const Exchange& exchange, std::string_view what, int status, std::size_t bytes) {
    const auto now = std::chrono::system_clock::now();
    const auto seconds = std::chrono::system_clock::to_time_t(now);
    const auto millis =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() %
        1000;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> stamp{};
    const auto size = std::strftime(stamp.data(), stamp.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    const auto fraction = std::to_string(1000 + millis);
    std::string line(stamp.data(), size);
    line.append(".").append(fraction, 1).append("Z ").append(exchange.client.to_string());
    line.append(" ").append(what);
    if (status > 0) {
        line.append(" ").append(std::to_string(status));
    }
    return line.append(" ").append(std::to_string(bytes));
}

} // namespace labctl::dataplane
