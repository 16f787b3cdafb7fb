#include "netemu/base/accept_pause.h"

#include <cerrno>
#include <chrono>

#include <sys/epoll.h>

namespace netemu {

namespace {

constexpr std::chrono::milliseconds kAcceptRest{100};

} // namespace

void AcceptPause::failed(int error) {
    const bool exhausted =
        error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
    if (!exhausted || pausing()) {
        return;
    }
    loop_.modify(listener_, 0);
    timer_ = loop_.after(kAcceptRest, [this] {
        timer_ = 0;
        loop_.modify(listener_, EPOLLIN);
    });
}

} // namespace netemu
