#include "labctl/supervisor/log_buffer.h"

#include <algorithm>
#include <utility>

namespace labctl::supervisor {

LogBuffer::~LogBuffer() {
    for (const auto& [id, follower] : std::exchange(followers_, {})) {
        follower({});
    }
}

void LogBuffer::append(std::string_view text) {
    for (std::size_t start = 0; start < text.size();) {
        const auto end = std::min(text.find('\n', start), text.size() - 1) + 1;
        if (lines_.empty() || lines_.back().ends_with('\n')) {
            lines_.emplace_back();
        }
        lines_.back() += text.substr(start, end - start);
        start = end;
    }
    bytes_ += text.size();
    while (lines_.size() > kLinesMax || (bytes_ > kBytesMax && lines_.size() > 1)) {
        bytes_ -= lines_.front().size();
        lines_.pop_front();
    }
    if (bytes_ > kBytesMax) { // one endless line: its beginning goes
        lines_.back().erase(0, bytes_ - kBytesMax);
        bytes_ = kBytesMax;
    }
    const auto followers = followers_; // one may leave while it is called
    for (const auto& [id, follower] : followers) {
        follower(text);
    }
}

std::string LogBuffer::tail(int lines) const {
    const auto wanted =
        lines < 0 ? lines_.size() : std::min(lines_.size(), static_cast<std::size_t>(lines));
    std::string result;
    for (auto i = lines_.size() - wanted; i < lines_.size(); ++i) {
        result += lines_[i];
    }
    return result;
}

std::size_t LogBuffer::follow(Follower follower) {
    followers_[next_follower_] = std::move(follower);
    return next_follower_++;
}

void LogBuffer::unfollow(std::size_t id) {
    followers_.erase(id);
}

} // namespace labctl::supervisor
