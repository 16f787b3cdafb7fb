#include "labctl/stream/exec_session.h"

#include "labctl/stream/exit_status.h"
#include "netemu/base/error.h"

namespace labctl::stream {

ExecSession::ExecSession(Parts parts)
    : parts_(std::move(parts)), process_(parts_.loop, parts_.streams, parts_.record) {
}

void ExecSession::begin() {
    parts_.peer.start(
        {[this] { start_command(); },
         [this](std::string_view bytes) {
             process_.input(bytes);
             parts_.peer.pause_input(process_.full());
         },
         [this] { process_.end_input(); },
         [this](TerminalSize size) { process_.resize(size); },
         [this] { process_.read_output(true); },
         [this] { client_gone(); }});
}

void ExecSession::start_command() {
    if (gone_) {
        return;
    }
    try {
        process_.start(
            parts_.command,
            {[this](OutputChannel channel, std::string_view bytes) {
                 parts_.peer.output(channel, bytes);
                 if (parts_.peer.congested()) {
                     process_.read_output(false);
                 }
             },
             [this] { parts_.peer.pause_input(false); },
             [this](int code) {
                 started_ = false;
                 gone_ ? parts_.loop.stop() : parts_.peer.finish(exit_status(code));
             }});
        started_ = true;
    } catch (const netemu::Error& error) {
        parts_.peer.finish(failure_status(error.what()));
    }
}

void ExecSession::client_gone() {
    gone_ = true;
    if (started_) {
        process_.hang_up(); // and the end of the command is ours
    } else {
        parts_.loop.stop();
    }
}

} // namespace labctl::stream
