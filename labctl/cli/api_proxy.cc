#include "labctl/cli/api_proxy.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "netemu/base/error.h"
#include "netemu/base/process.h"

namespace labctl::cli {

namespace {

constexpr std::size_t kKeyBytes = 16;

std::string random_key() {
    std::array<unsigned char, kKeyBytes> bytes{};
    netemu::check_syscall(
        "draw a random key", static_cast<int>(::getrandom(bytes.data(), bytes.size(), 0)));
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string key;
    for (const unsigned byte : bytes) {
        key += {kDigits[byte >> 4U], kDigits[byte & 0xfU]};
    }
    return key;
}

netemu::UniqueFd listen_on_loopback(std::uint16_t port) {
    netemu::UniqueFd listener(netemu::check_syscall(
        "make a socket", ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)));
    const int one = 1;
    ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    netemu::check_syscall(
        "listen on 127.0.0.1:" + std::to_string(port),
        ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    netemu::check_syscall("listen", ::listen(listener.get(), SOMAXCONN));
    return listener;
}

std::uint16_t port_of(int listener) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    netemu::check_syscall(
        "read the port of a socket",
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size));
    return ntohs(address.sin_port);
}

netemu::UniqueFd connect_to(const std::string& path) {
    netemu::UniqueFd socket(
        netemu::check_syscall("make a socket", ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        throw netemu::Error("the path of the control socket is too long: " + path);
    }
    std::memcpy(&address.sun_path[0], path.c_str(), path.size() + 1);
    netemu::check_syscall(
        "connect to " + path,
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    netemu::set_nonblocking(socket.get());
    return socket;
}

} // namespace

/// One client and its connection to the lab: bytes as they are, both ways.
class ApiProxy::Relay {
public:
    Relay(ApiProxy& proxy, netemu::UniqueFd client) : proxy_(proxy) {
        client_.fd = std::move(client);
        proxy_.loop_.add(
            client_.fd.get(), EPOLLIN, [this](std::uint32_t events) { on_client(events); });
    }
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;
    ~Relay() {
        for (const auto* side : {&client_, &lab_}) {
            if (side->fd) {
                proxy_.loop_.remove(side->fd.get());
            }
        }
    }

private:
    struct Side {
        netemu::UniqueFd fd;
        std::string output; // not yet taken by its socket
        bool ended = false; // has sent its last byte
        bool deaf = false;  // takes nothing any more
    };

    static constexpr std::size_t kOutputMax = 1U << 20U; // then nothing more is read for it

    void on_client(std::uint32_t events) {
        if (!lab_.fd) {
            begin();
            return;
        }
        // The end of a client that is not read, because the lab takes no more, counts as well.
        const bool gone = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        if (gone && lab_.output.size() >= kOutputMax) {
            end();
            return;
        }
        take(client_, lab_);
        settle();
    }

    void on_lab() {
        take(lab_, client_);
        settle();
    }

    /// The first bytes: nothing goes to the lab before they have shown the key.
    void begin() {
        std::array<char, 4096> buffer{};
        const auto size = ::recv(client_.fd.get(), buffer.data(), buffer.size(), 0);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (size <= 0) {
            end();
            return;
        }
        lab_.output.append(buffer.data(), static_cast<std::size_t>(size));
        const auto space = lab_.output.find(' ');
        constexpr std::size_t kMethodMax = 16;
        if (space == std::string::npos ? lab_.output.size() > kMethodMax : space > kMethodMax) {
            end();
            return;
        }
        if (space == std::string::npos || lab_.output.size() < space + 1 + proxy_.path_.size()) {
            return; // more of it is on the way
        }
        if (lab_.output.compare(space + 1, proxy_.path_.size(), proxy_.path_) != 0) {
            end();
            return;
        }
        try {
            lab_.fd = connect_to(proxy_.control_socket_);
        } catch (const netemu::Error&) { // the lab is gone
            end();
            return;
        }
        take(client_, lab_);
        settle();
    }

    /// What has come from one side is for the other.
    static void take(Side& from, Side& to) {
        std::array<char, 64U << 10U> buffer{};
        while (!from.ended && to.output.size() < kOutputMax) {
            const auto size = ::recv(from.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
                return;
            }
            from.ended = size <= 0;
            if (size > 0 && !to.deaf) {
                to.output.append(buffer.data(), static_cast<std::size_t>(size));
            }
        }
    }

    /// Writes what is there. When the lab has ended its side, the client hears of it behind the
    /// last word, and the client's own end is waited for: closed before that, the connection would
    /// lose what the client has not read yet.
    void settle() {
        write(client_);
        write(lab_);
        if (client_.ended || client_.deaf) {
            end();
            return;
        }
        if (lab_.ended && client_.output.empty()) {
            ::shutdown(client_.fd.get(), SHUT_WR);
        }
        watch_client();
        watch_lab();
    }

    static void write(Side& side) {
        std::size_t done = 0;
        while (done < side.output.size()) {
            const auto size = ::send(
                side.fd.get(),
                side.output.data() + done,
                side.output.size() - done,
                MSG_NOSIGNAL | MSG_DONTWAIT);
            if (size < 0) {
                side.deaf = errno != EAGAIN && errno != EINTR;
                break;
            }
            done += static_cast<std::size_t>(size);
        }
        side.output.erase(0, side.deaf ? std::string::npos : done);
    }

    void watch_client() {
        proxy_.loop_.modify(
            client_.fd.get(),
            std::uint32_t{EPOLLRDHUP} |
                (lab_.output.size() < kOutputMax ? std::uint32_t{EPOLLIN} : 0U) |
                (client_.output.empty() ? 0U : std::uint32_t{EPOLLOUT}));
    }

    /// What is not to be read is not watched at all: the end of a Unix socket would be told of
    /// without end.
    void watch_lab() {
        const bool reads = !lab_.ended && client_.output.size() < kOutputMax;
        const auto events = (reads ? std::uint32_t{EPOLLIN} : 0U) |
                            (lab_.output.empty() ? 0U : std::uint32_t{EPOLLOUT});
        const int fd = lab_.fd.get();
        if (events == 0) {
            proxy_.loop_.remove(fd);
        } else if (proxy_.loop_.watches(fd)) {
            proxy_.loop_.modify(fd, events);
        } else {
            proxy_.loop_.add(fd, events, [this](std::uint32_t) { on_lab(); });
        }
    }

    void end() { proxy_.relays_.erase(this); }

    ApiProxy& proxy_;
    Side client_;
    Side lab_;
};

ApiProxy::ApiProxy(netemu::EventLoop& loop, std::string control_socket, std::uint16_t port)
    : loop_(loop), control_socket_(std::move(control_socket)), path_("/~" + random_key() + "/"),
      listener_(listen_on_loopback(port)) {
    url_ = "http://127.0.0.1:" + std::to_string(port_of(listener_.get())) +
           path_.substr(0, path_.size() - 1);
    loop_.add(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_all(); });
    acceptor_ = std::make_unique<netemu::Acceptor>(loop_, listener_.get());
}

ApiProxy::~ApiProxy() {
    relays_.clear();
    acceptor_.reset();
    loop_.remove(listener_.get());
}

void ApiProxy::accept_all() {
    while (auto accepted = acceptor_->next()) {
        auto relay = std::make_unique<Relay>(*this, std::move(accepted->socket));
        auto* const key = relay.get();
        relays_.emplace(key, std::move(relay));
    }
}

} // namespace labctl::cli
