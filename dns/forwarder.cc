#include "dns/forwarder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>

#include <ares.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "netemu/base/process.h"

namespace dns {
namespace {

/// Nobody shall guess it (RFC 5452 section 9.1); c-ares' own generator needs a file to be good.
std::uint16_t random_id() {
    std::uint16_t id = 0;
    (void)::getrandom(&id, sizeof id, GRND_NONBLOCK);
    return id;
}

void init_ares_once() {
    static const int kStatus = ::ares_library_init(ARES_LIB_INIT_ALL);
    (void)kStatus;
}

Message upstream_failure(const Ask& ask, Rcode rcode) {
    Message response;
    response.flags = flag::kResponse;
    response.rcode = rcode;
    response.question = ask.question;
    response.origin.unanswered = true;
    return response;
}

// NOLINTNEXTLINE(readability-function-size): c-ares' signature, arecvfrom of ares_socket_functions
ares_ssize_t receive_from(
    ares_socket_t fd,
    void* buffer,
    std::size_t size,
    int flags,
    sockaddr* from,
    ares_socklen_t* from_size,
    void* /*data*/) {
    return ::recvfrom(fd, buffer, size, flags, from, from_size);
}

ares_ssize_t send_vector(ares_socket_t fd, const iovec* vectors, int count, void* /*data*/) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(vectors); // NOLINT: sendmsg only reads it
    message.msg_iovlen = static_cast<std::size_t>(count);
    return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

} // namespace

/// One question on its way: a c-ares channel of its own, so that its sockets are its own.
class Forwarder::Exchange {
public:
    Exchange(Forwarder& owner, Ask ask, Done done)
        : owner_(owner), ask_(std::move(ask)), done_(std::move(done)) {
        deadline_ = owner_.loop_.after(
            owner_.options_.total, [this]() { end(upstream_failure(ask_, Rcode::ServFail)); });
    }
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;
    ~Exchange() {
        owner_.loop_.cancel(deadline_);
        close_channel();
    }

    void start(bool edns) {
        edns_ = edns;
        open_channel();
        if (channel_ == nullptr) {
            end(upstream_failure(ask_, Rcode::ServFail));
            return;
        }
        auto query = make_query(ask_.question.name, ask_.question.type);
        query.id = random_id();
        query.question->klass = ask_.question.klass;
        query.flags |= ask_.checking_disabled ? flag::kCheckingDisabled : 0;
        if (edns) {
            query.edns = Edns{limits::kUdpBytesDefault, 0, ask_.dnssec_ok};
        }
        wire_ = encode(query);
        ::ares_send(
            channel_,
            reinterpret_cast<const unsigned char*>(wire_.data()), // NOLINT
            static_cast<int>(wire_.size()),
            &Exchange::answered,
            this);
        look();
    }

private:
    void open_channel();
    void set_servers();

    /// Nothing is thrown through c-ares: what came is kept, and looked at behind its call.
    static void answered(void* self, int status, int /*timeouts*/, unsigned char* bytes, int size) {
        auto& exchange = *static_cast<Exchange*>(self);
        if (status == ARES_EDESTRUCTION || status == ARES_ECANCELLED) {
            return;
        }
        exchange.has_result_ = true;
        exchange.silent_ = status == ARES_ETIMEOUT;
        exchange.result_.clear();
        if (bytes != nullptr && size > 0) {
            exchange.result_.assign(
                reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)); // NOLINT
        }
    }

    static ares_socket_t open(int domain, int type, int /*protocol*/, void* self) {
        auto& exchange = *static_cast<Exchange*>(self);
        try {
            auto socket = exchange.owner_.open_socket_(domain, type);
            if (socket) {
                netemu::set_nonblocking(socket.get());
            }
            return socket.release();
        } catch (const std::exception&) {
            errno = EMFILE;
            return -1;
        }
    }

    static int close_socket(ares_socket_t fd, void* self) {
        netemu::UniqueFd socket(fd);
        const auto& give_back = static_cast<Exchange*>(self)->owner_.give_back_;
        try {
            if (give_back) {
                give_back(std::move(socket));
            }
        } catch (const std::exception&) { // NOLINT(bugprone-empty-catch): then it is closed
        }
        return 0;
    }

    static int
    connect_socket(ares_socket_t fd, const sockaddr* address, ares_socklen_t size, void* self) {
        sockaddr_storage storage{};
        std::memcpy(&storage, address, std::min<std::size_t>(size, sizeof storage));
        static_cast<Exchange*>(self)->asked_ = netemu::Endpoint::from_sockaddr(storage);
        return ::connect(fd, address, size);
    }

    static void watch(void* self, ares_socket_t fd, int readable, int writable) {
        auto& exchange = *static_cast<Exchange*>(self);
        auto& loop = exchange.owner_.loop_;
        const std::uint32_t events =
            (readable != 0 ? EPOLLIN : 0U) | (writable != 0 ? EPOLLOUT : 0U);
        try {
            if (events == 0) {
                loop.remove(fd);
            } else if (loop.watches(fd)) {
                loop.modify(fd, events);
            } else {
                loop.add(fd, events, [&exchange, fd](std::uint32_t happened) {
                    exchange.ready(fd, happened);
                });
            }
        } catch (const std::exception&) { // NOLINT(bugprone-empty-catch): its time limit will tell
        }
    }

    void ready(int fd, std::uint32_t events) {
        const bool in = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
        const bool out = (events & EPOLLOUT) != 0;
        ::ares_process_fd(channel_, in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
        look();
    }

    /// After every call of c-ares: finish, or wait again.
    void look() {
        if (has_result_) {
            finish();
            return;
        }
        owner_.loop_.cancel(timer_);
        timeval next{};
        if (::ares_timeout(channel_, nullptr, &next) == nullptr) {
            return;
        }
        const auto delay = std::chrono::seconds(next.tv_sec) +
                           std::chrono::microseconds(next.tv_usec) + std::chrono::milliseconds(1);
        timer_ = owner_.loop_.after(delay, [this]() {
            ::ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
            look();
        });
    }

    void finish() {
        if (silent_ && ++rounds_ < owner_.options_.rounds) {
            again(edns_);
            return;
        }
        auto response = decode(as_bytes(result_));
        if (response && response->rcode == Rcode::FormErr && edns_) {
            again(false); // a server from before EDNS (RFC 6891 section 7)
            return;
        }
        const bool good =
            response && response->question && response->question->name.equals(ask_.question.name) &&
            response->question->type == ask_.question.type && response->has(flag::kResponse);
        if (!good) {
            end(upstream_failure(ask_, Rcode::ServFail));
            return;
        }
        response->edns.reset();
        // Nothing has been validated here (RFC 4035 section 4.9.3).
        response->flags &= static_cast<std::uint16_t>(~flag::kAuthenticData);
        end(std::move(*response));
    }

    void again(bool edns) {
        has_result_ = false;
        close_channel();
        start(edns);
    }

    void end(Message response) {
        response.origin.source = Source::Forward;
        response.origin.upstream = asked_;
        auto done = std::move(done_);
        owner_.finished(this); // destroys this
        done(std::move(response));
    }

    void close_channel() {
        owner_.loop_.cancel(timer_);
        if (channel_ != nullptr) {
            ::ares_destroy(channel_);
            channel_ = nullptr;
        }
    }

    Forwarder& owner_;
    Ask ask_;
    Done done_;
    ares_channel channel_ = nullptr;
    std::string wire_;
    std::string result_;
    bool has_result_ = false;
    bool silent_ = false; // the last upstream asked in a round did not answer
    int rounds_ = 0;      // that have ended in silence
    bool edns_ = true;
    netemu::Endpoint asked_; // last
    netemu::EventLoop::TimerId timer_ = 0;
    netemu::EventLoop::TimerId deadline_ = 0;
};

void Forwarder::Exchange::open_channel() {
    const auto& options = owner_.options_;
    const bool tcp = options.force_tcp || (ask_.transport == Transport::Tcp && !options.prefer_udp);
    ares_options wanted{};
    std::array<char, 2> lookups{'b', '\0'};
    in_addr not_used{}; // without a list c-ares reads resolv.conf; set_servers replaces it
    wanted.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP |
                   (tcp ? ARES_FLAG_USEVC : 0);
    wanted.timeout = static_cast<int>(options.timeout.count());
    wanted.tries = 1; // its next ones would wait twice as long
    wanted.ndots = 1;
    wanted.lookups = lookups.data();
    wanted.servers = &not_used;
    wanted.nservers = 1;
    wanted.sock_state_cb = &Exchange::watch;
    wanted.sock_state_cb_data = this;
    // All that resolv.conf could say is said here, so c-ares does not open it.
    const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
                     ARES_OPT_LOOKUPS | ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_SORTLIST |
                     ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE;
    if (::ares_init_options(&channel_, &wanted, mask) != ARES_SUCCESS) {
        channel_ = nullptr;
        return;
    }
    static const ares_socket_functions kFunctions{
        &Exchange::open,
        &Exchange::close_socket,
        &Exchange::connect_socket,
        &receive_from,
        &send_vector};
    ::ares_set_socket_functions(channel_, &kFunctions, this);
    set_servers();
}

void Forwarder::Exchange::set_servers() {
    std::array<ares_addr_port_node, limits::kUpstreamsMax> nodes{};
    const auto list = owner_.order();
    const auto count = std::min(list.size(), nodes.size());
    for (std::size_t i = 0; i < count; ++i) {
        auto& node = nodes.at(i);
        node.next = i + 1 < count ? &nodes.at(i + 1) : nullptr;
        node.family = list[i].address.af();
        std::memcpy(&node.addr, list[i].address.bytes(), list[i].address.size());
        node.udp_port = node.tcp_port = list[i].port;
    }
    (void)::ares_set_servers_ports(channel_, count > 0 ? nodes.data() : nullptr);
}

Forwarder::Forwarder(netemu::EventLoop& loop, SocketFactory open_socket, ForwarderOptions options)
    : loop_(loop), open_socket_(std::move(open_socket)), options_(std::move(options)) {
    init_ares_once();
}

Forwarder::~Forwarder() = default;

std::vector<netemu::Endpoint> Forwarder::order() {
    static thread_local std::minstd_rand random{std::random_device{}()};
    auto list = options_.upstreams;
    if (options_.policy == ForwardConfig::Policy::Random) {
        std::shuffle(list.begin(), list.end(), random);
    } else if (options_.policy == ForwardConfig::Policy::RoundRobin && !list.empty()) {
        const auto first = static_cast<std::ptrdiff_t>(turn_++ % list.size());
        std::rotate(list.begin(), list.begin() + first, list.end());
    }
    return list;
}

void Forwarder::query(const Ask& ask, Done done) {
    const bool full = options_.max_concurrent > 0 && exchanges_.size() >= options_.max_concurrent;
    if (full || options_.upstreams.empty()) {
        rejected_ += full ? 1 : 0;
        done(upstream_failure(ask, full ? Rcode::Refused : Rcode::ServFail));
        return;
    }
    exchanges_.push_back(std::make_unique<Exchange>(*this, ask, std::move(done)));
    exchanges_.back()->start(true);
}

void Forwarder::finished(Exchange* exchange) {
    const auto found =
        std::find_if(exchanges_.begin(), exchanges_.end(), [exchange](const auto& each) {
            return each.get() == exchange;
        });
    if (found != exchanges_.end()) {
        std::swap(*found, exchanges_.back());
        exchanges_.pop_back();
    }
}

} // namespace dns
