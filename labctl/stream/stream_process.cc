#include "labctl/stream/stream_process.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "labctl/stream/attach_session.h"
#include "labctl/stream/channel_command_peer.h"
#include "labctl/stream/channel_forward_peer.h"
#include "labctl/stream/client_socket.h"
#include "labctl/stream/exec_session.h"
#include "labctl/stream/exit_status.h"
#include "labctl/stream/forward_session.h"
#include "labctl/stream/sandbox_entry.h"
#include "labctl/stream/spdy_command_peer.h"
#include "labctl/stream/spdy_forward_peer.h"
#include "labctl/stream/stream_spec.h"
#include "netemu/base/error.h"
#include "netemu/base/memory_file.h"
#include "netemu/base/privileges.h"

namespace labctl::stream {

namespace {

StreamRecord& map_record(int fd) {
    void* const page =
        ::mmap(nullptr, kStreamRecordBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) { // NOLINT: a C-style cast in the macro
        throw netemu::SysError("map the record of a stream", errno);
    }
    return *static_cast<StreamRecord*>(page);
}

/// The client's connection and what it speaks.
class Wire {
public:
    Wire(netemu::EventLoop& loop, netemu::UniqueFd client, const StreamSpec& spec)
        : loop_(loop), spec_(spec), socket_(loop, std::move(client), spec.unread) {
        socket_.send(spec.upgrade.response);
        if (spec.upgrade.protocol != Protocol::Spdy) {
            websocket_ = std::make_unique<WebSocketLink>(socket_);
        }
        if (spec.upgrade.protocol == Protocol::SpdyTunnel) {
            tunnel_ = std::make_unique<WebSocketTunnel>(*websocket_);
        }
    }

    std::unique_ptr<CommandPeer> command_peer() {
        if (spec_.upgrade.protocol == Protocol::Spdy) {
            return std::make_unique<SpdyCommandPeer>(loop_, socket_, spec_.streams);
        }
        return std::make_unique<ChannelCommandPeer>(
            loop_, *websocket_, spec_.streams, spec_.upgrade.protocol == Protocol::ChannelsV5);
    }

    std::unique_ptr<ForwardPeer> forward_peer() {
        if (spec_.upgrade.protocol == Protocol::ChannelsV4) {
            return std::make_unique<ChannelForwardPeer>(loop_, *websocket_, spec_.ports);
        }
        return std::make_unique<SpdyForwardPeer>(
            tunnel_ ? static_cast<ByteLink&>(*tunnel_) : socket_);
    }

private:
    netemu::EventLoop& loop_;
    const StreamSpec& spec_;
    ClientSocket socket_;
    std::unique_ptr<WebSocketLink> websocket_;
    std::unique_ptr<WebSocketTunnel> tunnel_;
};

/// Tells the client why nothing can be run.
void refuse(netemu::EventLoop& loop, CommandPeer& peer, const std::string& why) {
    peer.start(
        {[&peer, why] { peer.finish(failure_status(why)); },
         [](std::string_view) {},
         [] {},
         [](TerminalSize) {},
         [] {},
         [&loop] { loop.stop(); }});
    loop.run();
}

void serve_command(
    netemu::EventLoop& loop, Wire& wire, const StreamSpec& spec, netemu::UniqueFd place) {
    auto& record = map_record(kStreamSpecFd);
    const auto peer = wire.command_peer();
    std::unique_ptr<ExecSession> session;
    try {
        session = std::make_unique<ExecSession>(
            ExecSession::Parts{loop, *peer, spec.streams, spec.command, record.command});
        enter_sandbox(place.get());
        place.reset();
    } catch (const netemu::Error& error) {
        refuse(loop, *peer, error.what());
        return;
    }
    ::clearenv();
    ::setenv("HOME", "/root", 1);
    if (spec.streams.terminal) {
        ::setenv("TERM", "xterm", 1);
    }
    set_sandbox_environment(spec.hostname, spec.environment);
    session->begin();
    loop.run();
}

void serve_forwarding(
    netemu::EventLoop& loop, Wire& wire, const StreamSpec& spec, netemu::UniqueFd place) {
    netemu::check_syscall("enter the pod's network namespace", ::setns(place.get(), CLONE_NEWNET));
    place.reset();
    netemu::drop_privileges();
    const auto peer = wire.forward_peer();
    ForwardSession session(loop, *peer, spec.pod);
    session.begin();
    loop.run();
}

void serve_output(netemu::EventLoop& loop, Wire& wire, netemu::UniqueFd place) {
    netemu::drop_privileges();
    const auto peer = wire.command_peer();
    AttachSession session(loop, *peer, std::move(place));
    session.begin();
    loop.run();
}

void serve() {
    for (const int fd : {kStreamClientFd, kStreamSpecFd, kStreamPlaceFd}) {
        (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    netemu::UniqueFd client(kStreamClientFd);
    netemu::UniqueFd place(kStreamPlaceFd);
    const auto spec = parse_stream_spec(netemu::memory_text(kStreamSpecFd, kStreamRecordBytes));
    netemu::EventLoop loop;
    Wire wire(loop, std::move(client), spec);
    switch (spec.purpose) {
    case Purpose::Exec:
        serve_command(loop, wire, spec, std::move(place));
        break;
    case Purpose::Attach:
        serve_output(loop, wire, std::move(place));
        break;
    case Purpose::Forward:
        serve_forwarding(loop, wire, spec, std::move(place));
        break;
    }
}

} // namespace

int run_stream() {
    ::prctl(PR_SET_NAME, "labctl-stream");
    ::signal(SIGPIPE, SIG_IGN);
    try {
        serve();
        return 0;
    } catch (const netemu::Error&) {
        return 1; // nobody listens but the client, whose connection ends with this process
    }
}

} // namespace labctl::stream
