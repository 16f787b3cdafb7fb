#include "tests/netns/served_net.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <stdexcept>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace test {

using labctl::dataplane::DataPlane;

// --- a client

bool TestClient::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto size = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (size < 0) {
            broken_ = true;
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
}

void TestClient::finish() const {
    ::shutdown(socket_.get(), SHUT_WR);
}

void TestClient::reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    socket_.reset();
}

bool TestClient::more(int seconds) {
    pollfd watched{socket_.get(), POLLIN, 0};
    if (::poll(&watched, 1, seconds * 1000) != 1) {
        end_ = "TIMEOUT";
        return false;
    }
    std::array<char, 65536> buffer{};
    const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size <= 0) {
        end_ = size < 0 || broken_ ? "RESET" : "";
        return false;
    }
    held_.append(buffer.data(), static_cast<std::size_t>(size));
    return true;
}

std::string TestClient::some(int seconds) {
    if (held_.empty()) {
        (void)more(seconds);
    }
    return std::exchange(held_, {});
}

std::string TestClient::until(std::string_view text, int seconds) {
    while (held_.find(text) == std::string::npos && more(seconds)) {
    }
    const auto at = held_.find(text);
    const auto size = at == std::string::npos ? held_.size() : at + text.size();
    auto result = held_.substr(0, size);
    held_.erase(0, size);
    return result;
}

std::string TestClient::response(bool head_only) {
    auto head = until("\r\n\r\n");
    const auto length = field_of(head, "content-length");
    const auto size = head_only || length.empty() ? 0 : std::stoul(length);
    while (held_.size() < size && more(10)) {
    }
    head += held_.substr(0, size);
    held_.erase(0, size);
    return head;
}

std::string TestClient::rest(int seconds) {
    while (more(seconds)) {
    }
    return std::exchange(held_, {}) + end_;
}

// --- what it reads

std::string get_request(const std::string& path, const std::string& host) {
    return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}

int status_of(const std::string& response) {
    return response.starts_with("HTTP/1.1 ") && response.size() > 12
               ? std::atoi(response.c_str() + 9)
               : 0;
}

std::string body_of(const std::string& response) {
    const auto at = response.find("\r\n\r\n");
    return at == std::string::npos ? "" : response.substr(at + 4);
}

std::string field_of(const std::string& response, const std::string& name) {
    const auto head = response.substr(0, response.find("\r\n\r\n"));
    for (const auto line : netemu::split(head, '\n')) {
        const auto colon = line.find(':');
        if (colon != std::string_view::npos && netemu::to_lower(line.substr(0, colon)) == name) {
            return std::string(netemu::trim(line.substr(colon + 1)));
        }
    }
    return {};
}

netemu::Endpoint endpoint_of(const std::string& address, std::uint16_t port) {
    return {netemu::IpAddress::parse(address).value(), port};
}

// --- the net

void ServedNet::start(const std::function<void()>& begin, int pods) {
    std::promise<void> ready;
    thread_ = std::thread([this, &ready, &begin, pods] {
        netemu::EventLoop loop;
        DataPlane plane(loop, data_plane_options(net));
        plane_ = &plane;
        int served = 0;
        plane.on_ready([&](const std::string&) { ++served; });
        plane.start();
        begin();
        run_until(loop, [&] { return served == pods; });
        child = plane.pid();
        ready.set_value();
        while (!over_) {
            loop.run_once(std::chrono::milliseconds(2));
            const std::lock_guard lock(mutex_);
            for (const auto& task : std::exchange(tasks_, {})) {
                task();
            }
        }
    });
    ready.get_future().wait();
}

ServedNet::~ServedNet() {
    over_ = true;
    if (thread_.joinable()) {
        thread_.join();
    }
    for (const int pid : servers_) {
        ::kill(pid, SIGKILL);
    }
}

void ServedNet::start_server(
    const std::string& ns,
    const std::string& script,
    const std::string& words,
    std::uint16_t port) {
    const auto pid = net.must(
        ns,
        "/usr/bin/python3 " LABCTL_SOURCE_DIR "/tests/netns/" + script + " " + words +
            " </dev/null >/dev/null 2>&1 & echo $!");
    servers_.push_back(std::stoi(pid));
    net.must(
        ns,
        "for i in $(seq 200); do ss -Hltn sport = :" + std::to_string(port) +
            " | grep -q . && exit 0; sleep 0.05; done; exit 1");
}

void ServedNet::on_loop(const std::function<void()>& what) {
    std::promise<void> done;
    {
        const std::lock_guard lock(mutex_);
        tasks_.emplace_back([&] {
            what();
            done.set_value();
        });
    }
    done.get_future().wait();
}

std::vector<std::string> ServedNet::logs(const std::string& pod, DataPlane::LogOf whose) {
    std::promise<std::vector<std::string>> lines;
    on_loop([&] {
        plane_->logs(
            pod, 0, [&](std::vector<std::string> got) { lines.set_value(std::move(got)); }, whose);
    });
    return lines.get_future().get();
}

TestClient ServedNet::dial(const std::string& ns, const netemu::Endpoint& to) const {
    auto socket = net.open_socket(ns, to.address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM, 0);
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_storage address{};
    const auto size = to.to_sockaddr(address);
    netemu::check_syscall(
        "connect to " + to.to_string(),
        ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), size)); // NOLINT
    return TestClient(std::move(socket));
}

long ServedNet::seen_at(
    const std::string& from, const std::string& endpoint, const std::string& what) const {
    const auto json = net.must(from, "curl -sS --noproxy '*' http://" + endpoint + ":8080/seen");
    const auto at = json.find("\"" + what + "\": ");
    return at == std::string::npos ? 0 : std::stol(json.substr(at + what.size() + 4));
}

std::size_t ServedNet::child_descriptors() const {
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(child) + "/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

long ServedNet::child_kib(const std::string& what) const {
    std::ifstream status("/proc/" + std::to_string(child) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(what + ":")) {
            return std::stol(line.substr(what.size() + 1));
        }
    }
    throw std::runtime_error("no " + what);
}

pid_t ServedNet::pid() {
    return plane_->pid();
}

long ServedNet::cpu_ticks() const {
    std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
    const std::string text{std::istreambuf_iterator<char>(stat), {}};
    const auto rest = text.substr(text.rfind(')') + 2);
    const auto words = netemu::split(rest, ' ');
    return std::stol(std::string(words.at(11))) + std::stol(std::string(words.at(12)));
}

} // namespace test
