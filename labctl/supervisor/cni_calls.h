#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/cni/request.h"

namespace labctl::supervisor {

/// One call of a CNI plugin: one of ours to a program, or one of a container runtime to labctl.
struct CniCall {
    std::string pod; // "NS/NAME"
    std::string node;
    std::string plugin; // path of the program, or "labctl"
    cni::Environment environment;
    std::string input;  // what it read
    std::string output; // what it answered
    std::string errors; // what it printed on standard error
    int status = 0;     // exit status; -1: it did not come to an end by itself
    std::uint64_t micros = 0;
    std::string time; // RFC 3339
};

/// The last calls, oldest first: for `explain --cni`.
class CniCalls {
public:
    static constexpr std::size_t kCallsMax = 4096;
    static constexpr std::size_t kTextBytesMax = 16U << 10U; // of each of the texts

    void add(CniCall call);
    /// Those of a pod, also of one that is gone.
    [[nodiscard]] api::Json of(const std::string& pod) const;

private:
    std::deque<CniCall> calls_;
};

} // namespace labctl::supervisor
