#include "labctl/dataplane/pod.h"

#include <algorithm>

namespace labctl::dataplane {

void AccessLog::add(std::string line) {
    if (!lines_) {
        lines_ = std::make_unique<std::deque<std::string>>();
    }
    if (line.size() > kLogLineBytesMax) {
        line.resize(kLogLineBytesMax);
    }
    std::replace_if(
        line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
    ++added_;
    last_added_ = netemu::Clock::now();
    bytes_ += line.size();
    lines_->push_back(std::move(line));
    while (bytes_ > kLogBytesPerPod) {
        bytes_ -= lines_->front().size();
        lines_->pop_front();
    }
}

std::vector<std::string> AccessLog::last(std::size_t count) const {
    if (!lines_) {
        return {};
    }
    const auto size = count == 0 ? lines_->size() : std::min(count, lines_->size());
    return {lines_->end() - static_cast<std::ptrdiff_t>(size), lines_->end()};
}

} // namespace labctl::dataplane
