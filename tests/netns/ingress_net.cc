#include "tests/netns/ingress_net.h"

#include <algorithm>
#include <array>
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
using labctl::dataplane::IngressServing;
using labctl::dataplane::Protocol;
using labctl::dataplane::WorkloadSpec;

// --- a client

bool IngressClient::send(std::string_view bytes) const {
    while (!bytes.empty()) {
        const auto size = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (size < 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
}

void IngressClient::finish() const {
    ::shutdown(socket_.get(), SHUT_WR);
}

void IngressClient::reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    socket_.reset();
}

bool IngressClient::more(int seconds) {
    pollfd watched{socket_.get(), POLLIN, 0};
    if (::poll(&watched, 1, seconds * 1000) != 1) {
        end_ = "TIMEOUT";
        return false;
    }
    std::array<char, 65536> buffer{};
    const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size <= 0) {
        end_ = size < 0 ? "RESET" : "";
        return false;
    }
    held_.append(buffer.data(), static_cast<std::size_t>(size));
    return true;
}

std::string IngressClient::until(std::string_view text, int seconds) {
    while (held_.find(text) == std::string::npos && more(seconds)) {
    }
    const auto at = held_.find(text);
    const auto size = at == std::string::npos ? held_.size() : at + text.size();
    auto result = held_.substr(0, size);
    held_.erase(0, size);
    return result;
}

std::string IngressClient::response(bool head_only) {
    auto head = until("\r\n\r\n");
    const auto length = field_of(head, "content-length");
    const auto size = head_only || length.empty() ? 0 : std::stoul(length);
    while (held_.size() < size && more(10)) {
    }
    head += held_.substr(0, size);
    held_.erase(0, size);
    return head;
}

std::string IngressClient::rest(int seconds) {
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

services::IngressTable one_backend(const std::vector<std::string>& endpoints) {
    services::IngressTable table;
    services::IngressBackend backend{"x/real:80", {}, endpoints.empty() ? "no endpoints" : ""};
    for (const auto& endpoint : endpoints) {
        backend.endpoints.push_back(endpoint_of(endpoint, 8080));
    }
    table.backends.push_back(std::move(backend));
    table.hosts["real"].paths.push_back({services::IngressPathType::Prefix, "/", 0, "x/real"});
    return table;
}

// --- the net

IngressNet::IngressNet() {
    net.add("pod/in/ctl", {"10.1.0.10/16", "fd00::10/64"});
    net.add("pod/x/w1", {"10.1.0.21/16", "fd00::21/64"});
    net.add("pod/x/w2", {"10.1.0.22/16", "fd00::22/64"});
    net.add("r1", {"10.1.0.31/16", "fd00::31/64"});
    net.add("r2", {"10.1.0.32/16", "fd00::32/64"});
    net.add("client", {"10.1.0.40/16", "fd00::40/64"});
    start_endpoint("r1", "r1");
    start_endpoint("r2", "r2");
    table = one_backend({"10.1.0.31"});
    std::promise<void> ready;
    thread_ = std::thread([this, &ready] {
        netemu::EventLoop loop;
        DataPlane plane(loop, data_plane_options(net));
        plane_ = &plane;
        int served = 0;
        plane.on_ready([&](const std::string&) { ++served; });
        plane.start();
        for (const auto* name : {"w1", "w2"}) {
            plane.serve(WorkloadSpec{
                std::string("pod/x/") + name, "x", name, "node-1", {{8080, Protocol::Tcp, ""}}});
        }
        serve_controller();
        plane.change_ingress("lab", table);
        run_until(loop, [&] { return served == 3; });
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

IngressNet::~IngressNet() {
    over_ = true;
    thread_.join();
    for (const int pid : servers_) {
        ::kill(pid, SIGKILL);
    }
}

void IngressNet::start_endpoint(const std::string& ns, const std::string& name) {
    const auto pid = net.must(
        ns,
        "/usr/bin/python3 " LABCTL_SOURCE_DIR "/tests/netns/ingress_server.py 8080 " + name +
            " </dev/null >/dev/null 2>&1 & echo $!");
    servers_.push_back(std::stoi(pid));
    net.must(
        ns,
        "for i in $(seq 200); do ss -Hltn sport = :8080 | grep -q . && exit 0; sleep 0.05; done; "
        "exit 1");
}

void IngressNet::serve_controller() {
    WorkloadSpec spec{
        "pod/in/ctl", "in", "ctl", "node-1", {{80, Protocol::Tcp, ""}, {443, Protocol::Tcp, ""}}};
    spec.ingress = IngressServing{"lab", {80}, {443}};
    plane_->serve(spec);
}

void IngressNet::on_loop(const std::function<void()>& what) {
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

void IngressNet::change(const services::IngressTable& changed) {
    on_loop([&] { plane_->change_ingress("lab", changed); });
    (void)logs(); // the child has taken it when it has answered this
}

std::vector<std::string> IngressNet::logs() {
    std::promise<std::vector<std::string>> lines;
    on_loop([&] {
        plane_->logs(
            "in/ctl", 0, [&](std::vector<std::string> got) { lines.set_value(std::move(got)); });
    });
    return lines.get_future().get();
}

IngressClient IngressNet::connect(int port, bool v6) {
    auto socket = net.open_socket("client", v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_storage address{};
    const auto to = endpoint_of(v6 ? "fd00::10" : "10.1.0.10", static_cast<std::uint16_t>(port));
    const auto size = to.to_sockaddr(address);
    netemu::check_syscall(
        "connect to the controller",
        ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), size)); // NOLINT
    return IngressClient(std::move(socket));
}

std::string IngressNet::ask(std::string_view bytes, int port) {
    auto client = connect(port);
    client.send(bytes);
    client.finish();
    return client.rest();
}

std::string IngressNet::get(const std::string& path, const std::string& host) {
    return ask(get_request(path, host));
}

Command IngressNet::curl(const std::string& arguments) {
    return client("curl -sS --noproxy '*' --max-time 30 " + arguments);
}

long IngressNet::seen(const std::string& what, const std::string& endpoint) {
    const auto json =
        net.must("client", "curl -sS --noproxy '*' http://" + endpoint + ":8080/seen");
    const auto at = json.find("\"" + what + "\": ");
    return at == std::string::npos ? 0 : std::stol(json.substr(at + what.size() + 4));
}

long IngressNet::child_kib(const std::string& what) {
    std::ifstream status("/proc/" + std::to_string(child) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(what + ":")) {
            return std::stol(line.substr(what.size() + 1));
        }
    }
    throw std::runtime_error("no " + what);
}

void IngressNet::serve_controller_again() {
    on_loop([&] { plane_->withdraw("in/ctl"); });
    std::promise<void> gone; // the child has let go of the port when it has answered this
    on_loop([&] { plane_->logs("x/w1", 0, [&](const auto&) { gone.set_value(); }); });
    gone.get_future().wait();
    on_loop([&] { serve_controller(); });
}

pid_t IngressNet::pid() {
    return plane_->pid();
}

long IngressNet::cpu_ticks() {
    std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
    const std::string text{std::istreambuf_iterator<char>(stat), {}};
    const auto rest = text.substr(text.rfind(')') + 2);
    const auto words = netemu::split(rest, ' ');
    return std::stol(std::string(words.at(11))) + std::stol(std::string(words.at(12)));
}

std::string IngressNet::pem(const std::string& name) {
    std::ifstream in(std::string(LABCTL_SOURCE_DIR) + "/tests/unit/data/tls/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace test
