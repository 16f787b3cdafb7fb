#pragma once

#include <string>
#include <vector>

#include "labctl/stream/command_peer.h"
#include "labctl/stream/command_process.h"
#include "netemu/base/event_loop.h"

namespace labctl::stream {

/// A command for a client, from the upgrade to the end of both: `kubectl exec` and `cp`.
class ExecSession {
public:
    struct Parts {
        netemu::EventLoop& loop;
        CommandPeer& peer;
        CommandStreams streams;
        std::vector<std::string> command;
        pid_t& record; // StreamRecord::command
    };

    /// Makes ready; throws SysError. Stops the loop when it is over.
    explicit ExecSession(Parts parts);
    /// To be called before the loop runs, in the namespaces of the command.
    void begin();

private:
    void start_command();
    void client_gone();

    Parts parts_;
    CommandProcess process_;
    bool started_ = false;
    bool gone_ = false;
};

} // namespace labctl::stream
