#include "labctl/supervisor/output_pipe.h"

#include <array>
#include <memory>

#include <fcntl.h>
#include <unistd.h>

#include "netemu/base/error.h"

namespace labctl::supervisor {

namespace {

/// The supervisor's end: never waits.
class OutputWriter {
public:
    explicit OutputWriter(int fd) : fd_(fd) {}

    void write(std::string_view text) {
        if (text.empty()) {
            fd_.reset();
        } else if (!lost_ || put("[labctl: output was lost here, nobody has read it]\n")) {
            lost_ = !put(text);
        }
    }

private:
    /// Whether all of it was taken.
    bool put(std::string_view text) {
        return fd_ &&
               ::write(fd_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    }

    netemu::UniqueFd fd_;
    bool lost_ = false;
};

} // namespace

OutputPipe OutputPipe::create() {
    constexpr int kPipeBytes = 1 << 20;
    std::array<int, 2> fds{};
    netemu::check_syscall("create a pipe", ::pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK));
    OutputPipe pipe;
    pipe.reader.reset(fds[0]);
    (void)::fcntl(fds[1], F_SETPIPE_SZ, kPipeBytes); // an ordinary user may have too many pipes
    pipe.writer = [writer = std::make_shared<OutputWriter>(fds[1])](std::string_view text) {
        writer->write(text);
    };
    return pipe;
}

} // namespace labctl::supervisor
