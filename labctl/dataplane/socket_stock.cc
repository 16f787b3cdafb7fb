#include "labctl/dataplane/socket_stock.h"

#include <algorithm>
#include <utility>

#include <sys/socket.h>

namespace labctl::dataplane {
namespace {

/// A question takes one socket, and now and then another for the next upstream.
constexpr std::size_t kSpareUdp = 4;
constexpr std::size_t kSpareTcp = 1;

int socket_property(int socket, int option) {
    int value = 0;
    socklen_t size = sizeof value;
    ::getsockopt(socket, SOL_SOCKET, option, &value, &size);
    return value;
}

bool disconnect_datagrams(int socket) {
    sockaddr nowhere{};
    nowhere.sa_family = AF_UNSPEC;
    if (::connect(socket, &nowhere, sizeof nowhere) != 0) {
        return false;
    }
    (void)socket_property(socket, SO_ERROR); // of the last question
    char byte = 0;
    while (::recv(socket, &byte, sizeof byte, MSG_DONTWAIT | MSG_TRUNC) >= 0) {
    }
    return true;
}

} // namespace

SocketStock::SocketStock(netemu::EventLoop& loop, Order order)
    : loop_(loop), order_(std::move(order)), shelves_{
                                                 Shelf{AF_INET, SOCK_DGRAM, {}},
                                                 Shelf{AF_INET, SOCK_STREAM, {}},
                                                 Shelf{AF_INET6, SOCK_DGRAM, {}},
                                                 Shelf{AF_INET6, SOCK_STREAM, {}}} {
}

SocketStock::~SocketStock() {
    loop_.cancel(wake_);
    for (const auto& waiter : waiters_) {
        loop_.cancel(waiter.timer);
    }
}

SocketStock::Shelf& SocketStock::shelf(int domain, int type) {
    return shelves_.at((domain == AF_INET6 ? 2U : 0U) + (type == SOCK_STREAM ? 1U : 0U));
}

void SocketStock::prepare(int domain) {
    restock(shelf(domain, SOCK_DGRAM));
    restock(shelf(domain, SOCK_STREAM));
}

/// Twice as many as there are, when they run short.
void SocketStock::restock(Shelf& shelf) {
    const bool tcp = shelf.type == SOCK_STREAM;
    const auto first = tcp ? kStockTcpFirst : kStockUdpFirst;
    const auto most = tcp ? kStockTcpMax : kStockUdpMax;
    const auto have = shelf.owned + shelf.ordered;
    if (have >= first && shelf.sockets.size() + shelf.ordered > first / 2) {
        return;
    }
    const auto wanted = std::min(std::max(first, 2 * shelf.owned), most);
    if (wanted > have) {
        shelf.ordered += wanted - have;
        order_(shelf.domain, shelf.type, wanted - have);
    }
}

void SocketStock::add(netemu::UniqueFd socket) {
    auto& to =
        shelf(socket_property(socket.get(), SO_DOMAIN), socket_property(socket.get(), SO_TYPE));
    to.ordered -= to.ordered > 0 ? 1 : 0;
    ++to.owned;
    to.sockets.push_back(std::move(socket));
    serve_waiters();
}

netemu::UniqueFd SocketStock::take(int domain, int type) {
    auto& from = shelf(domain, type);
    netemu::UniqueFd socket;
    if (!from.sockets.empty()) {
        socket = std::move(from.sockets.back());
        from.sockets.pop_back();
    }
    restock(from);
    return socket;
}

void SocketStock::give_back(netemu::UniqueFd socket) {
    auto& to =
        shelf(socket_property(socket.get(), SO_DOMAIN), socket_property(socket.get(), SO_TYPE));
    if (to.type == SOCK_DGRAM && disconnect_datagrams(socket.get())) {
        to.sockets.push_back(std::move(socket));
    } else {
        --to.owned;
        socket.reset();
        restock(to);
    }
    if (!waiters_.empty() && wake_ == 0) { // not from inside of the question that has just ended
        wake_ = loop_.after(std::chrono::microseconds(0), [this] {
            wake_ = 0;
            serve_waiters();
        });
    }
}

bool SocketStock::stocked(int domain) {
    return shelf(domain, SOCK_DGRAM).sockets.size() >= kSpareUdp &&
           shelf(domain, SOCK_STREAM).sockets.size() >= kSpareTcp;
}

void SocketStock::when_stocked(
    int domain, std::chrono::milliseconds patience, std::function<void(bool)> go) {
    const bool somebody_waits = // whoever waits for the other family is no matter of ours
        std::any_of(waiters_.begin(), waiters_.end(), [domain](const Waiter& waiter) {
            return waiter.domain == domain;
        });
    if (!somebody_waits && stocked(domain)) {
        go(true);
        return;
    }
    prepare(domain);
    if (waiters_.size() >= kStockWaitersMax) {
        go(false);
        return;
    }
    const auto number = next_number_++;
    const auto timer = loop_.after(patience, [this, number] { give_up(number); });
    waiters_.push_back({domain, number, std::move(go), timer});
}

void SocketStock::serve_waiters() {
    for (auto at = waiters_.begin(); at != waiters_.end();) {
        if (!stocked(at->domain)) {
            ++at;
            continue;
        }
        loop_.cancel(at->timer);
        const auto go = std::move(at->go);
        waiters_.erase(at);
        go(true);
        at = waiters_.begin(); // it may have changed the list
    }
}

void SocketStock::give_up(std::uint64_t number) {
    const auto found =
        std::find_if(waiters_.begin(), waiters_.end(), [number](const Waiter& waiter) {
            return waiter.number == number;
        });
    if (found != waiters_.end()) {
        // What was ordered did not come: the next one orders again.
        shelf(found->domain, SOCK_DGRAM).ordered = shelf(found->domain, SOCK_STREAM).ordered = 0;
        const auto go = std::move(found->go);
        waiters_.erase(found);
        go(false);
    }
}

} // namespace labctl::dataplane
