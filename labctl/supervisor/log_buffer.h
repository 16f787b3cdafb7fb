#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace labctl::supervisor {

/// The last lines that a pod's command printed, bounded in lines and bytes, with followers.
class LogBuffer {
public:
    /// Called with each piece of output, and with an empty one when there will be no more.
    using Follower = std::function<void(std::string_view text)>;
    static constexpr std::size_t kBytesMax = 1U << 20U;
    static constexpr std::size_t kLinesMax = 1U << 15U;

    LogBuffer() = default;
    LogBuffer(const LogBuffer&) = delete;
    LogBuffer& operator=(const LogBuffer&) = delete;
    ~LogBuffer();

    /// Output as it comes; lines are cut at line ends.
    void append(std::string_view text);
    /// The last `lines` lines, or all when negative; each ends in a line end.
    [[nodiscard]] std::string tail(int lines) const;

    std::size_t follow(Follower follower);
    void unfollow(std::size_t id);

private:
    std::deque<std::string> lines_; // the last one may be incomplete
    std::size_t bytes_ = 0;
    std::map<std::size_t, Follower> followers_;
    std::size_t next_follower_ = 1;
};

} // namespace labctl::supervisor
