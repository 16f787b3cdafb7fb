#include "labctl/stream/attach_session.h"

#include <array>
#include <cerrno>

#include <sys/epoll.h>
#include <unistd.h>

#include "labctl/stream/exit_status.h"
#include "netemu/base/process.h"

namespace labctl::stream {

AttachSession::AttachSession(netemu::EventLoop& loop, CommandPeer& peer, netemu::UniqueFd output)
    : loop_(loop), peer_(peer), output_(std::move(output)) {
    netemu::set_nonblocking(output_.get());
}

AttachSession::~AttachSession() {
    watch(false);
}

void AttachSession::begin() {
    peer_.start(
        {[this] { watch(true); },
         [](std::string_view) {},
         [] {},
         [](TerminalSize) {},
         [this] { watch(true); },
         [this] { loop_.stop(); }});
}

void AttachSession::watch(bool reads) {
    if (!output_) {
        return;
    }
    if (!reads) {
        loop_.remove(output_.get());
    } else if (!loop_.watches(output_.get())) {
        loop_.add(output_.get(), EPOLLIN, [this](std::uint32_t) { read_some(); });
    }
}

void AttachSession::read_some() {
    std::array<char, 32U << 10U> buffer{};
    const auto size = ::read(output_.get(), buffer.data(), buffer.size());
    if (size > 0) {
        peer_.output(OutputChannel::Output, {buffer.data(), static_cast<std::size_t>(size)});
        watch(!peer_.congested());
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        watch(false);
        output_.reset();
        peer_.finish(exit_status(0));
    }
}

} // namespace labctl::stream
