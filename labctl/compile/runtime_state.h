#pragma once

#include <string>

namespace labctl::compile {

/// What the running lab knows about a pod, as the kubelet would: reported by the supervisor.
struct RuntimeState {
    bool started = false; // its namespace is wired and its containers run
    bool ready = false;   // and it passes its readiness probe
    std::string phase;    // "Succeeded" or "Failed" when it has ended; otherwise empty
    std::string reason;   // of a container that waits or has ended: "CrashLoopBackOff", "Error"
    std::string message;
    int exit_code = 0;
    int restarts = 0;
    bool held = false; // a fault keeps it from being ready, whatever the user says
    bool operator==(const RuntimeState&) const = default;
};

} // namespace labctl::compile
