#include "labctl/supervisor/bird_control.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "netemu/base/error.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/unique_fd.h"

namespace labctl::supervisor {

namespace {

using netemu::Clock;
using netemu::UniqueFd;

constexpr std::size_t kBirdAnswerBytesMax = 32U << 20U;
constexpr int kFirstError = 8000;

/// One conversation with one BIRD.
class BirdTalk {
public:
    explicit BirdTalk(const BirdQuestion& question) : reader_(question.commands.size() + 1) {
        for (const auto& command : question.commands) {
            to_send_ += command + "\n";
        }
        // By way of a descriptor, since the name of a socket has 107 bytes and a path may have
        // more.
        const UniqueFd directory(
            ::open(question.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        socket_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const auto path = "/proc/self/fd/" + std::to_string(directory.get()) + "/bird.ctl";
        path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
        if (!directory || !socket_ ||
            ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
                0) {
            fail("BIRD's control socket: " + netemu::errno_text(errno));
        }
    }

    [[nodiscard]] bool done() const { return done_; }
    [[nodiscard]] pollfd wish() const {
        return {socket_.get(), static_cast<short>(to_send_.empty() ? POLLIN : POLLIN | POLLOUT), 0};
    }

    void go_on() {
        if (!to_send_.empty()) {
            const auto sent = ::send(socket_.get(), to_send_.data(), to_send_.size(), MSG_NOSIGNAL);
            to_send_.erase(0, sent > 0 ? static_cast<std::size_t>(sent) : 0);
        }
        std::array<char, 64U << 10U> buffer{};
        for (;;) {
            const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
            if (size > 0) {
                bytes_ += static_cast<std::size_t>(size);
                reader_.feed({buffer.data(), static_cast<std::size_t>(size)});
                if (reader_.complete()) {
                    answer_ = reader_.take();
                    done_ = true;
                    return;
                }
                if (bytes_ > kBirdAnswerBytesMax) {
                    fail("BIRD says too much");
                    return;
                }
                continue;
            }
            if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
                fail("BIRD has hung up");
            }
            return;
        }
    }

    void fail(const std::string& why) {
        answer_.error = why;
        done_ = true;
    }
    BirdAnswer take() { return std::move(answer_); }

private:
    UniqueFd socket_;
    std::string to_send_;
    BirdReader reader_;
    BirdAnswer answer_;
    std::size_t bytes_ = 0;
    bool done_ = false;
};

} // namespace

std::string printable(std::string_view text) {
    std::string plain(text);
    for (auto& c : plain) {
        const bool good = (c >= ' ' && c <= '~') || c == '\t' || c == '\n';
        c = good ? c : '?';
    }
    return plain;
}

void BirdReader::feed(std::string_view text) {
    rest_.append(text);
    std::size_t begin = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
        line(std::string_view(rest_).substr(begin, end - begin));
        begin = end + 1;
    }
    rest_.erase(0, begin);
}

void BirdReader::line(std::string_view text) {
    constexpr std::size_t kCodeBytes = 4;
    const bool greeting = left_ == greetings_;
    if (text.starts_with(' ')) {
        if (!greeting) {
            answer_.lines.push_back({code_, printable(text.substr(1))});
        }
        return;
    }
    const auto* first = text.data();
    const auto* last = first + std::min(text.size(), kCodeBytes);
    if (text.size() <= kCodeBytes || std::from_chars(first, last, code_).ptr != last) {
        return; // not an answer: what `echo` prints, or nothing at all
    }
    const auto words = text.substr(kCodeBytes + 1);
    if (code_ >= kFirstError && answer_.error.empty()) {
        answer_.error = printable(words);
    }
    if (!greeting && !words.empty()) {
        answer_.lines.push_back({code_, printable(words)});
    }
    if (text[kCodeBytes] == ' ' && left_ > 0) {
        --left_;
    }
}

std::vector<BirdAnswer>
ask_birds(const std::vector<BirdQuestion>& questions, std::chrono::milliseconds patience) {
    const auto deadline = Clock::now() + patience;
    std::vector<BirdTalk> talks;
    talks.reserve(questions.size());
    for (const auto& question : questions) {
        talks.emplace_back(question);
    }
    for (;;) {
        std::vector<pollfd> waits;
        std::vector<BirdTalk*> waiting;
        for (auto& talk : talks) {
            if (!talk.done()) {
                waits.push_back(talk.wish());
                waiting.push_back(&talk);
            }
        }
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        if (waits.empty() || left <= 0) {
            break;
        }
        if (::poll(waits.data(), waits.size(), static_cast<int>(left)) < 0 && errno != EINTR) {
            break;
        }
        for (std::size_t i = 0; i < waits.size(); ++i) {
            if (waits[i].revents != 0) {
                waiting[i]->go_on();
            }
        }
    }
    std::vector<BirdAnswer> answers;
    answers.reserve(talks.size());
    for (auto& talk : talks) {
        if (!talk.done()) {
            talk.fail("BIRD does not answer");
        }
        answers.push_back(talk.take());
    }
    return answers;
}

} // namespace labctl::supervisor
