#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>

#include "labctl/api/object.h"

namespace labctl::supervisor {

/// What commands that run no more have printed, for as long as their pods are there; bounded in
/// number and bytes, and the oldest goes first.
class EndedLogs {
public:
    static constexpr std::size_t kLogsMax = 256;
    static constexpr std::size_t kBytesMax = 16U << 20U;

    /// In the place of the one that is kept of that pod, if there is one.
    void keep(const api::ObjectKey& pod, std::string uid, std::string text);
    /// nullptr where none is kept.
    [[nodiscard]] const std::string* find(const api::ObjectKey& pod) const;
    void
    forget_if(const std::function<bool(const api::ObjectKey& pod, const std::string& uid)>& gone);

private:
    struct Log {
        api::ObjectKey pod;
        std::string uid;
        std::string text;
    };

    std::deque<Log> logs_; // the oldest is the first
    std::size_t bytes_ = 0;
};

} // namespace labctl::supervisor
