#include "labctl/cli/interrupt_guard.h"

#include <sys/socket.h>

namespace labctl::cli {

namespace {

// Written by the signal handler, so plain and static.
volatile std::sig_atomic_t interrupt_came = 0;
volatile pid_t keeper_to_end = 0;
volatile std::sig_atomic_t connection_to_cut = -1;

/// Ending the keeper ends the lab, and then our read of its answers ends too.
void on_interrupt(int /*number*/) {
    interrupt_came = 1;
    if (keeper_to_end > 0) {
        ::kill(keeper_to_end, SIGTERM);
    }
    if (connection_to_cut >= 0) {
        ::shutdown(connection_to_cut, SHUT_RDWR);
    }
}

} // namespace

InterruptGuard::InterruptGuard() {
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
    for (std::size_t i = 0; i < kNumbers.size(); ++i) {
        ::sigaction(kNumbers[i], nullptr, &before_[i]);
        if (before_[i].sa_handler != SIG_IGN) {
            ::sigaction(kNumbers[i], &action, nullptr);
        }
    }
}

InterruptGuard::~InterruptGuard() {
    keeper_to_end = 0;
    connection_to_cut = -1;
    for (std::size_t i = 0; i < kNumbers.size(); ++i) {
        ::sigaction(kNumbers[i], &before_[i], nullptr);
    }
}

void InterruptGuard::covers(pid_t keeper) {
    keeper_to_end = keeper;
    if (interrupt_came != 0) {
        ::kill(keeper, SIGTERM);
    }
}

void InterruptGuard::cuts(int connection) {
    connection_to_cut = connection;
    if (interrupt_came != 0) {
        ::shutdown(connection, SHUT_RDWR);
    }
}

void InterruptGuard::lets_go() {
    keeper_to_end = 0;
}

bool InterruptGuard::interrupted() {
    return interrupt_came != 0;
}

int run_interruptible(const Client& client, const std::function<int()>& ask) {
    const InterruptGuard guard;
    InterruptGuard::cuts(client.fd());
    try {
        return ask();
    } catch (const LabGoneError&) {
        if (InterruptGuard::interrupted()) {
            throw InterruptedError();
        }
        throw;
    }
}

} // namespace labctl::cli
