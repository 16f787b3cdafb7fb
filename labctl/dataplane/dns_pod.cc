#include "labctl/dataplane/dns_pod.h"

#include <chrono>

#include "labctl/dataplane/dns_forward.h"

namespace labctl::dataplane {
namespace {

/// No question takes longer: it waits for a socket and then for its answer (`timeout` and `total`
/// of dns::ForwarderOptions).
constexpr std::chrono::seconds kRetiredFor{8};

} // namespace

DnsPod::DnsPod(netemu::EventLoop& loop, DnsServing serving, Voice voice)
    : loop_(loop), serving_(std::move(serving)), voice_(std::move(voice)),
      stock_(loop, voice_.order), server_(loop, *this) {
}

DnsPod::~DnsPod() {
    for (const auto timer : retirements_) {
        loop_.cancel(timer);
    }
}

std::unique_ptr<dns::BlockResolver> DnsPod::make_block(const DnsEngine& engine, std::size_t index) {
    auto block = engine.blocks().at(index);
    dns::BlockParts parts;
    parts.zone = engine.zone(index);
    parts.host_search = serving_.searches;
    parts.files = engine.file_zones(index);
    parts.hosts_text = engine.hosts_text(index);
    for (const auto& forward : block.forward) {
        parts.upstreams.push_back(make_upstream(loop_, forward, serving_, stock_));
    }
    auto resolver = std::make_unique<dns::BlockResolver>(std::move(block), std::move(parts));
    resolver->set_counters(&server_.counters());
    return resolver;
}

void DnsPod::set_engine(std::shared_ptr<DnsEngine> engine) {
    if (serving_.role == DnsServing::Role::Cluster) {
        use(std::move(engine));
    }
}

void DnsPod::use(std::shared_ptr<DnsEngine> engine) {
    auto next = std::make_unique<Serving>();
    for (std::size_t i = 0; i < engine->blocks().size(); ++i) {
        next->resolver.add(make_block(*engine, i));
    }
    next->engine = std::move(engine);
    next->loop = std::make_unique<DnsLoopWatch>(
        loop_, next->resolver, [this](std::string why) { crashed(std::move(why)); });
    if (current_) {
        current_->loop.reset();
        retired_.push_back(std::move(current_));
        retirements_.push_back(loop_.after(kRetiredFor, [this] {
            retirements_.pop_front();
            retired_.pop_front();
        }));
    }
    current_ = std::move(next);
    choose_log();
    if (std::exchange(crashed_, false)) {
        voice_.back();
    }
}

/// As coredns, which ends its process.
void DnsPod::crashed(std::string why) {
    crashed_ = true;
    voice_.log("[FATAL] " + why);
    voice_.crash(std::move(why));
}

mesh::Response DnsPod::http(std::uint16_t port, std::string_view path, bool ready) const {
    bool health = false;
    bool readiness = false;
    bool metrics = false;
    for (std::size_t i = 0; current_ && i < current_->engine->blocks().size(); ++i) {
        const auto& block = current_->engine->blocks()[i];
        health = health || dns::plugin_port(block.health) == port;
        readiness = readiness || dns::plugin_port(block.ready) == port;
        metrics = metrics || dns::plugin_port(block.prometheus) == port;
    }
    mesh::Response response;
    response.headers.add("content-type", "text/plain; charset=utf-8");
    if (!current_ || crashed_) {
        response.status = 503;
        response.body = "kubernetes"; // the plugin that is not ready
    } else if (health && path == "/health") {
        response.body = "OK";
    } else if (readiness && path == "/ready") {
        response.status = ready ? 200 : 503;
        response.body = ready ? "OK" : "labctl set ready=false";
    } else if (metrics && path == "/metrics") {
        response.headers.set("content-type", "text/plain; version=0.0.4; charset=utf-8");
        response.body = server_.counters().text("dns://:" + std::to_string(kDnsServerPort));
    } else {
        response.status = 404;
        response.body = "404 page not found\n";
    }
    return response;
}

void DnsPod::set_watched(bool watched) {
    watched_ = watched;
    choose_log();
}

/// A query that nobody wants to hear of costs nothing.
void DnsPod::choose_log() {
    bool every = watched_;
    bool failures = false;
    for (std::size_t i = 0; current_ && i < current_->resolver.blocks().size(); ++i) {
        const auto& config = current_->resolver.blocks()[i]->config();
        every = every || config.log;
        failures = failures || config.errors;
    }
    dns::QueryLog log;
    if (every || failures) {
        log = [this](const dns::LogEntry& entry) { log_query(entry); };
    }
    server_.set_log(std::move(log), !every);
}

void DnsPod::log_query(const dns::LogEntry& entry) {
    if (watched_) {
        voice_.tell(entry);
    }
    const bool failed = entry.rcode == dns::Rcode::ServFail && entry.origin.unanswered;
    const auto name = current_ ? dns::Name::parse(entry.name) : std::nullopt;
    const auto* block = name ? current_->resolver.block_of(*name) : nullptr;
    if (block == nullptr) {
        return;
    }
    if (block->config().errors && failed) {
        const auto& upstream = entry.origin.upstream;
        voice_.log(
            "[ERROR] plugin/errors: " + std::to_string(static_cast<int>(entry.rcode)) + " " +
            entry.name + " " + dns::type_text(entry.type) + ": " +
            (upstream.port == 0 ? "no upstream to ask"
                                : "no answer from upstream " + upstream.to_string()));
    }
    if (block->config().log) {
        voice_.log("[INFO] " + entry.text());
    }
}

void DnsPod::add_socket(netemu::UniqueFd socket, bool tcp) {
    if (serving_.role == DnsServing::Role::NodeCache && !current_) { // all of its text is here
        use(std::make_shared<DnsEngine>(serving_.zone));
    }
    if (tcp) {
        server_.add_tcp(std::move(socket));
    } else {
        server_.add_udp(std::move(socket));
    }
}

/// Who an upstream asks for what it does not know; null when it shall not.
std::shared_ptr<dns::Upstream> DnsPod::make_world() {
    if (serving_.nameservers.empty()) {
        return nullptr;
    }
    dns::ForwardConfig config;
    config.to = {kResolvConfPath};
    config.policy = dns::ForwardConfig::Policy::Sequential; // resolv.conf(5)
    return make_upstream(loop_, config, serving_, stock_);
}

void DnsPod::expect(std::span<const dns::Bytes> packets) {
    if (current_) {
        current_->resolver.expect(packets);
    }
}

dns::Handled DnsPod::handle(
    const dns::QueryView& query,
    const dns::Client& client,
    std::span<std::uint8_t> out,
    dns::ReplyMaker& replies) {
    if (serving_.role == DnsServing::Role::Upstream) {
        if (!upstream_) { // now that all of its zone is here
            upstream_ =
                std::make_unique<UpstreamZone>(serving_.zone, serving_.faults, make_world());
        }
        return upstream_->handle(query, client, out, replies);
    }
    return current_ && !crashed_ ? current_->resolver.handle(query, client, out, replies)
                                 : dns::Handled{};
}

} // namespace labctl::dataplane
