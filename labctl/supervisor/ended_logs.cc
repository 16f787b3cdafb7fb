#include "labctl/supervisor/ended_logs.h"

#include <algorithm>
#include <utility>

namespace labctl::supervisor {

void EndedLogs::keep(const api::ObjectKey& pod, std::string uid, std::string text) {
    forget_if([&pod](const api::ObjectKey& other, const std::string&) { return other == pod; });
    bytes_ += text.size();
    logs_.push_back({pod, std::move(uid), std::move(text)});
    while (logs_.size() > kLogsMax || bytes_ > kBytesMax) {
        bytes_ -= logs_.front().text.size();
        logs_.pop_front();
    }
}

const std::string* EndedLogs::find(const api::ObjectKey& pod) const {
    const auto found =
        std::find_if(logs_.begin(), logs_.end(), [&pod](const Log& log) { return log.pod == pod; });
    return found == logs_.end() ? nullptr : &found->text;
}

void EndedLogs::forget_if(
    const std::function<bool(const api::ObjectKey& pod, const std::string& uid)>& gone) {
    std::erase_if(logs_, [&](const Log& log) {
        const bool over = gone(log.pod, log.uid);
        bytes_ -= over ? log.text.size() : 0;
        return over;
    });
}

} // namespace labctl::supervisor
