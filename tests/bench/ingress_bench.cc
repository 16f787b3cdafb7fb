// An Ingress controller on ports 80 and 443 of the network namespace that it is started in, all of
// whose requests go to one endpoint: for tests/bench/ingress_compare. Usage: ingress_bench
// ADDRESS:PORT CERTIFICATE KEY. Says the data plane's process id when it serves, and ends with its
// standard input.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "labctl/dataplane/child.h"
#include "labctl/dataplane/client.h"
#include "netemu/base/error.h"
#include "netemu/base/event_loop.h"
#include "netemu/base/process.h"
#include "services/ingress.h"

namespace {

using namespace labctl::dataplane; // NOLINT(google-build-using-namespace): a program of one page

constexpr std::size_t kFiles = 65536;

std::string read_file(const char* path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

netemu::UniqueFd make_socket(const std::string& /*ns*/, int domain, int type, int protocol) {
    return netemu::UniqueFd(
        netemu::check_syscall("make a socket", ::socket(domain, type | SOCK_CLOEXEC, protocol)));
}

services::IngressTable rules(char** arguments) {
    services::IngressTable table;
    table.backends.push_back({"x/one:80", {netemu::Endpoint::parse(arguments[1]).value()}, ""});
    table.hosts["real"].paths.push_back({services::IngressPathType::Prefix, "/", 0, "x/one"});
    table.certificates.push_back(
        {"x/secret", {"real"}, read_file(arguments[2]), read_file(arguments[3])});
    table.default_backend = 0;
    return table;
}

void serve(char** arguments) {
    netemu::raise_open_files_limit(kFiles);
    netemu::EventLoop loop;
    DataPlane::Options options;
    options.open_socket = make_socket;
    DataPlane plane(loop, options);
    plane.on_ready([&plane](const std::string&) {
        std::printf("%d\n", plane.pid());
        (void)std::fflush(stdout);
    });
    plane.start();
    plane.change_ingress("bench", rules(arguments));
    WorkloadSpec pod{
        "", "in", "ctl", "node-1", {{80, Protocol::Tcp, ""}, {443, Protocol::Tcp, ""}}};
    pod.ingress = IngressServing{"bench", {80}, {443}};
    plane.serve(pod);
    loop.add(STDIN_FILENO, EPOLLIN, [&loop](std::uint32_t) { loop.stop(); });
    loop.run();
}

} // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], kChildCommand) == 0) {
        return data_plane_main(argc, argv);
    }
    if (argc != 4) {
        (void)std::fputs("usage: ingress_bench ADDRESS:PORT CERTIFICATE KEY\n", stderr);
        return 2;
    }
    serve(argv);
    return 0;
}
