#include "labctl/dataplane/sidecar_connection.h"

#include <array>
#include <cerrno>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "labctl/dataplane/http1_connection.h"
#include "labctl/dataplane/http2_connection.h"
#include "labctl/dataplane/sniff.h"
#include "mesh/tls/client_hello.h"
#include "mesh/tls/session.h"

namespace labctl::dataplane {
namespace {

using namespace std::chrono_literals;
using mesh::SidecarProtocol;
using mesh::istio::MtlsMode;

/// How long a client may be silent before it is taken for one that waits to be spoken to (Istio:
/// PILOT_INBOUND_PROTOCOL_DETECTION_TIMEOUT 1s, MeshConfig.protocolDetectionTimeout 5s).
constexpr auto kInboundPatience = 1s;
constexpr auto kOutboundPatience = 5s;
/// Linkerd's detection takes that long (linkerd/linkerd2-proxy linkerd/app/src/env.rs). On an
/// opaque port only the mesh's own TLS is looked for, which comes at once.
constexpr auto kLinkerdPatience = 10s;
constexpr auto kSidecarSilenceMax = 75s;
constexpr auto kSidecarAlertMax = 2s; // to take it
constexpr std::size_t kSidecarFirstReadBytes = 16U << 10U;
constexpr std::size_t kSidecarHeldMax = 32U << 10U;

} // namespace

SidecarConnection::SidecarConnection(
    netemu::EventLoop& loop, SidecarPod& pod, Accepted accepted, Closed closed)
    : loop_(loop), pod_(pod), socket_(std::move(accepted.socket)), inbound_(accepted.inbound),
      closed_(std::move(closed)), since_(netemu::Clock::now()) {
    client_.address = accepted.client;
    client_.port = accepted.target.port;
    client_.target = accepted.target;
}

SidecarConnection::~SidecarConnection() {
    loop_.cancel(timer_);
    if (phase_ == Phase::Looking) {
        stop_looking();
    }
}

void SidecarConnection::start() {
    loop_.add(socket_.get(), EPOLLIN, [this](std::uint32_t) { look(); });
    if (inbound_) {
        wait_at_most(inbound_patience());
    } else {
        decide_outbound(false); // most of it hangs on the target alone
    }
}

std::chrono::milliseconds SidecarConnection::inbound_patience() const {
    const auto* const workload = pod_.workload();
    const bool short_time = !pod_.rules()->of_linkerd() || workload == nullptr ||
                            mesh::is_opaque(mesh::inbound_server(
                                pod_.rules()->table(), *workload, client_.target.port));
    return short_time ? kInboundPatience : kLinkerdPatience;
}

void SidecarConnection::rules_changed() {
    const auto* const workload = pod_.workload();
    if (pod_.rules()->of_linkerd()) { // requests are asked about one by one
        if (inbound_ && relay_) {
            const auto verdict = pod_.authorize_bytes(client_);
            if (!verdict.allowed) {
                refuse("the policies have changed: " + verdict.text);
            }
        }
        return;
    }
    const bool unknown = inbound_ && http_ && !client_.identity;
    if (unknown && workload != nullptr &&
        mesh::sidecar_port(*workload, client_.target.port).mode == MtlsMode::Strict) {
        http_->retire();
    }
}

void SidecarConnection::wait_at_most(std::chrono::milliseconds time) {
    loop_.cancel(timer_);
    timer_ = loop_.after(time, [this] {
        timer_ = 0;
        if (phase_ == Phase::Looking) {
            inbound_ ? decide_inbound(true) : decide_outbound(true);
        } else if (phase_ == Phase::LookingIn) {
            look_within(true);
        }
    });
}

void SidecarConnection::expire(netemu::Clock::time_point now) {
    if (http_) {
        http_->expire(now);
    } else if (relay_) {
        relay_->expire(now);
    } else if (phase_ == Phase::Failed && now - since_ > kSidecarAlertMax) {
        close(); // why is in the log already
    } else if (phase_ != Phase::Closed && now - since_ > kSidecarSilenceMax) {
        refuse("nothing that could be understood has come");
    }
}

// --- what is spoken

void SidecarConnection::look() {
    std::array<char, kSidecarFirstReadBytes> buffer; // NOLINT: filled by recv
    const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (size < 0 || (size == 0 && held_.empty())) {
        return close();
    }
    if (size == 0) { // it has said all that it has to say
        ended_ = true;
        loop_.modify(socket_.get(), 0);
    }
    held_.append(buffer.data(), static_cast<std::size_t>(size));
    const bool enough = ended_ || held_.size() > kSidecarHeldMax;
    inbound_ ? decide_inbound(enough) : decide_outbound(enough);
}

void SidecarConnection::decide_outbound(bool patience_is_over) {
    const auto* service = pod_.rules()->service(client_.target);
    if (service == nullptr) {
        return carry_bytes("passed through");
    }
    protocol_ = service->protocol;
    decide_plaintext(patience_is_over);
}

/// Reference 3, the table of modes and first bytes.
void SidecarConnection::decide_inbound(bool patience_is_over) {
    const auto* workload = pod_.workload();
    if (workload == nullptr) {
        return refuse("the mesh does not know this pod yet");
    }
    if (pod_.rules()->of_linkerd()) {
        return decide_inbound_of_linkerd(*workload, patience_is_over);
    }
    const auto port = mesh::sidecar_port(*workload, client_.target.port);
    protocol_ = port.protocol;
    using Found = mesh::ClientHello::Found;
    const auto hello = mesh::read_client_hello(held_);
    if (hello.found == Found::Undecided && !patience_is_over) {
        return;
    }
    if (hello.found == Found::Complete) {
        if (port.mode != MtlsMode::Disable && hello.offers("istio")) {
            return begin_tls();
        }
        if (port.mode == MtlsMode::Strict) {
            return refuse("STRICT: TLS that is not the mesh's");
        }
        if (protocol_ == SidecarProtocol::Http && port.mode == MtlsMode::Permissive) {
            return refuse("TLS that is not the mesh's, on a port of HTTP");
        }
        return carry_bytes("TLS of the application's own");
    }
    if (port.mode == MtlsMode::Strict) {
        return refuse("STRICT: plaintext");
    }
    decide_plaintext(patience_is_over);
}

/// TLS that asks for this pod's own name is the mesh's; all other is the application's. Nobody is
/// refused for what they speak: that is for the policies to say.
void SidecarConnection::decide_inbound_of_linkerd(
    const mesh::SidecarWorkload& workload, bool patience_is_over) {
    const auto& server = mesh::inbound_server(pod_.rules()->table(), workload, client_.target.port);
    protocol_ = mesh::is_opaque(server) ? SidecarProtocol::Tcp : SidecarProtocol::Detect;
    using Found = mesh::ClientHello::Found;
    const auto hello = mesh::read_client_hello(held_);
    if (hello.found == Found::Undecided && !patience_is_over) {
        return;
    }
    if (hello.found != Found::Complete) {
        return decide_plaintext(patience_is_over);
    }
    const auto own = pod_.rules()->own_id(workload.account);
    if (!own.empty() && hello.server_name == own) {
        return begin_tls();
    }
    carry_bytes("TLS of the application's own");
}

void SidecarConnection::decide_plaintext(bool patience_is_over) {
    if (protocol_ == SidecarProtocol::Tcp) {
        return carry_bytes("TCP");
    }
    const auto speech = held_.empty() ? Speech::Undecided : sniff(held_);
    if (speech == Speech::Http2) {
        return carry_http(true);
    }
    if (speech == Speech::Http1 || (speech == Speech::Raw && protocol_ == SidecarProtocol::Http)) {
        return carry_http(false);
    }
    if (speech == Speech::Raw) {
        return carry_bytes("TCP");
    }
    if (patience_is_over && (protocol_ == SidecarProtocol::Detect || ended_)) {
        return protocol_ == SidecarProtocol::Http ? carry_http(false) : carry_bytes("TCP");
    }
    if (timer_ == 0 && !patience_is_over && protocol_ == SidecarProtocol::Detect) {
        wait_at_most(
            pod_.rules()->of_linkerd() ? std::chrono::milliseconds(kLinkerdPatience)
                                       : std::chrono::milliseconds(kOutboundPatience));
    }
}

// --- mutual TLS

void SidecarConnection::stop_looking() {
    if (socket_ && loop_.watches(socket_.get())) {
        loop_.remove(socket_.get());
    }
}

void SidecarConnection::begin_tls() {
    const auto config = pod_.rules()->server_tls(pod_.workload()->account);
    if (!config) {
        return refuse("this pod has no certificate");
    }
    stop_looking();
    loop_.cancel(std::exchange(timer_, 0));
    phase_ = Phase::Handshake;
    client_.tls = true;
    stream_ = std::make_unique<ClientStream>(loop_, std::move(socket_), config);
    stream_->set_listener(*this);
    stream_->start(std::exchange(held_, {}));
}

void SidecarConnection::take_identity() {
    const auto* tls = stream_->tls();
    const auto* peer = tls->peer();
    client_.server_name = tls->server_name();
    if (peer == nullptr || !tls->verified()) {
        return;
    }
    if (pod_.rules()->of_linkerd()) {
        if (!peer->dns_names.empty()) {
            client_.identity = peer->dns_names.front();
        }
    } else {
        client_.identity = peer->spiffe_id();
        const auto own = pod_.rules()->own_id(pod_.workload()->account);
        client_.certificate = "By=" + own + ";Hash=" + peer->sha256 + ";Subject=\"" +
                              peer->subject + "\";URI=" + *client_.identity;
    }
}

void SidecarConnection::on_client_secured() {
    if (pod_.workload() == nullptr) {
        return refuse("the mesh does not know this pod any more");
    }
    take_identity();
    phase_ = Phase::LookingIn;
    if (protocol_ == SidecarProtocol::Tcp) {
        carry_bytes("TCP");
    } else if (protocol_ == SidecarProtocol::Detect) {
        wait_at_most(inbound_patience());
    }
}

void SidecarConnection::on_client_bytes(std::string_view bytes) {
    held_.append(bytes);
    if (phase_ == Phase::LookingIn) {
        look_within(ended_ || held_.size() > kSidecarHeldMax);
    }
}

void SidecarConnection::look_within(bool patience_is_over) {
    decide_plaintext(patience_is_over);
}

void SidecarConnection::on_client_ended() {
    ended_ = true;
    if (phase_ == Phase::LookingIn && !held_.empty() && !stream_->cut_short()) {
        look_within(true);
    } else if (phase_ != Phase::CarriedOn) {
        close();
    }
}

void SidecarConnection::on_client_failed(const std::string& why) {
    pod_.log(client_, "inbound, mTLS: " + (why.empty() ? "the client has gone" : why), 0, 0);
    if (why.empty()) {
        return close();
    }
    loop_.cancel(std::exchange(timer_, 0));
    phase_ = Phase::Failed; // until the client's end, or `expire`
    since_ = netemu::Clock::now();
}

// --- where it goes

void SidecarConnection::carry_http(bool http2) {
    loop_.cancel(std::exchange(timer_, 0));
    const bool adopted = stream_ != nullptr;
    stop_looking();
    phase_ = Phase::CarriedOn;
    if (!adopted) {
        stream_ = std::make_unique<ClientStream>(loop_, std::move(socket_), nullptr);
    }
    client_.tally = inbound_ ? pod_.metrics().inbound(client_) : nullptr;
    auto& proxy = inbound_ ? pod_.inbound() : pod_.outbound();
    const auto closed = [this](HttpConnection&) { close(); };
    if (http2) {
        http_ =
            std::make_unique<Http2Connection>(loop_, proxy, client_, std::move(stream_), closed);
    } else {
        http_ =
            std::make_unique<Http1Connection>(loop_, proxy, client_, std::move(stream_), closed);
    }
    const auto held = std::exchange(held_, {});
    adopted ? http_->take_over(held, ended_) : http_->start(held);
}

void SidecarConnection::carry_bytes(const std::string& what) {
    loop_.cancel(std::exchange(timer_, 0));
    std::string story = std::string(inbound_ ? "inbound " : "outbound ") + what;
    Upstream upstream{client_.target};
    ConnectionSeries* series = nullptr;
    if (inbound_) {
        const auto verdict = pod_.authorize_bytes(client_);
        story += client_.identity ? " by " + *client_.identity : " by nobody known (plaintext)";
        if (!verdict.allowed) {
            return refuse(verdict.text);
        }
        story += verdict.note;
        upstream = pod_.application(client_.target);
        series = pod_.metrics().inbound_bytes(client_);
    } else if (const auto* service = pod_.rules()->service(client_.target)) {
        auto choice = pod_.choose(*service);
        if (choice.candidates.empty()) {
            return refuse(choice.refusal.text);
        }
        story += " -> " + choice.story;
        upstream = choice.candidates.front();
        lease_ = std::move(choice.lease);
        series = pod_.metrics().outbound_bytes(*service, upstream.endpoint);
    }
    if (series != nullptr) {
        ++series->opened;
    }
    story += " at " + upstream.endpoint.to_string();
    stop_looking();
    phase_ = Phase::CarriedOn;
    const bool adopted = stream_ != nullptr;
    if (!adopted) {
        stream_ = std::make_unique<ClientStream>(loop_, std::move(socket_), nullptr);
    }
    auto* const stream = stream_.get();
    relay_ = std::make_unique<TcpRelay>(
        loop_,
        pod_.pool(),
        std::move(stream_),
        std::move(upstream),
        [this, story, series](const TcpRelay::Outcome& outcome) {
            if (series != nullptr) {
                ++series->closed;
                series->received += outcome.to_endpoint;
                series->sent += outcome.to_client;
            }
            pod_.log(
                client_,
                story + (outcome.problem.empty() ? "" : ": " + outcome.problem),
                0,
                outcome.to_client);
            close();
        });
    if (!adopted) {
        stream->start({});
    }
    relay_->start(std::exchange(held_, {}), adopted && ended_);
}

/// With what the client has said unread, so that closing sends RST: nobody takes it for an answer.
void SidecarConnection::refuse(const std::string& why) {
    pod_.log(client_, std::string(inbound_ ? "inbound" : "outbound") + " refused: " + why, 0, 0);
    if (stream_) {
        stream_->abort();
    } else if (socket_) {
        const linger at_once{1, 0};
        (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    close();
}

void SidecarConnection::close() {
    if (phase_ == Phase::Closed) {
        return;
    }
    loop_.cancel(std::exchange(timer_, 0));
    stop_looking();
    phase_ = Phase::Closed;
    if (stream_) {
        stream_->close();
    }
    socket_.reset();
    lease_.reset();
    closed_(*this);
}

} // namespace labctl::dataplane
