// Probes per second: a full tcp matrix between the pods of one bridge, all answered by the built-in
// workload, with the creation of every socket. One JSON line per figure. Usage: dataplane_bench
// [PODS] [ROUNDS]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <sched.h>
#include <unistd.h>

#include "labctl/dataplane/child.h"
#include "labctl/dataplane/client.h"
#include "netemu/base/process.h"
#include "tests/netns/dataplane_net.h"

namespace {

using namespace labctl;
using namespace labctl::dataplane;

constexpr std::size_t kOpenFiles = 65536;

std::string pod_name(std::size_t i) {
    return "p" + std::to_string(i);
}

std::string pod_address(std::size_t i) {
    return "10.1." + std::to_string(1 + i / 200) + "." + std::to_string(1 + i % 200);
}

int resident_kb(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) {
            return std::atoi(line.c_str() + 6); // NOLINT: the kernel's own number
        }
    }
    return -1;
}

/// User and system time of all threads of a process, in microseconds.
double cpu_us(pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    std::istringstream fields(text.substr(text.rfind(')') + 1));
    std::string skipped;
    for (int i = 0; i < 11; ++i) {
        fields >> skipped;
    }
    double user = 0;
    double system = 0;
    fields >> user >> system;
    return (user + system) * 1e6 / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double milliseconds(netemu::Clock::duration elapsed) {
    return std::chrono::duration<double, std::milli>(elapsed).count();
}

void print(const char* figure, double value, const char* unit) {
    std::printf("{\"figure\": \"%s\", \"value\": %.2f, \"unit\": \"%s\"}\n", figure, value, unit);
    std::fflush(stdout);
}

double median(std::vector<double>& values) {
    std::sort(values.begin(), values.end());
    const auto middle = values[values.size() / 2];
    values.clear();
    return middle;
}

class Bench {
public:
    explicit Bench(std::size_t pods) : pods_(pods) {
        for (std::size_t i = 0; i < pods_; ++i) {
            net_.add("pod/x/" + pod_name(i), {pod_address(i) + "/16"});
        }
        // Permanent, as in a lab: the kernel's limit of learnt neighbours is far below pods
        // squared.
        const std::string path = "/tmp/dataplane_bench." + std::to_string(::getpid());
        std::ofstream neighbours(path);
        for (std::size_t i = 0; i < pods_; ++i) {
            const auto mac = netemu::MacAddress::for_ip(*netemu::IpAddress::parse(pod_address(i)));
            neighbours << "neigh add " << pod_address(i) << " lladdr " << mac.to_string()
                       << " nud permanent dev eth0\n";
        }
        neighbours.close();
        for (std::size_t i = 0; i < pods_; ++i) {
            net_.must("pod/x/" + pod_name(i), "ip -batch " + path);
        }
        ::unlink(path.c_str());
    }

    void start() {
        const auto begin = netemu::Clock::now();
        plane_.on_ready([this](const std::string&) { ++ready_; });
        plane_.start();
        plane_.serve(WorkloadSpec{"pod/x/p0", "x", "first", "n", {{9, Protocol::Tcp, ""}}});
        test::run_until(loop_, [this] { return ready_ == 1; });
        print(
            "start of the data plane to its first pod served",
            milliseconds(netemu::Clock::now() - begin),
            "ms");
    }

    void serve() {
        std::vector<WorkloadSpec> specs;
        for (std::size_t i = 0; i < pods_; ++i) {
            specs.push_back(
                {"pod/x/" + pod_name(i), "x", pod_name(i), "n", {{8080, Protocol::Tcp, "http"}}});
        }
        const auto begin = netemu::Clock::now();
        plane_.serve(specs);
        test::run_until(loop_, [this] { return ready_ == 1 + pods_; });
        print("serve all pods", milliseconds(netemu::Clock::now() - begin), "ms");
        print("child, idle", resident_kb(plane_.pid()) / 1024.0, "MiB RSS");
    }

    void matrix(bool print_it, probe::Scheme scheme) {
        std::vector<ResolvedRequest> requests;
        for (std::size_t i = 0; i < pods_; ++i) {
            for (std::size_t j = 0; j < pods_; ++j) {
                requests.push_back(request(i, j, scheme));
            }
        }
        const auto total = requests.size();
        std::vector<probe::Result> results;
        const auto own_cpu = cpu_us(::getpid());
        const auto child_cpu = cpu_us(plane_.pid());
        const auto begin = netemu::Clock::now();
        plane_.probe(std::move(requests), false, [&results](std::vector<probe::Result> got) {
            results = std::move(got);
        });
        test::run_until(
            loop_, [&results] { return !results.empty(); }, 60);
        const auto elapsed = netemu::Clock::now() - begin;
        const auto answered = std::count_if(results.begin(), results.end(), [](const auto& result) {
            return result.first.outcome == probe::Outcome::Ok && !result.first.backend.empty();
        });
        if (static_cast<std::size_t>(answered) != total) {
            std::fprintf(
                stderr, "only %ld of %zu were answered\n", static_cast<long>(answered), total);
            for (const auto& result : results) {
                if (result.first.outcome != probe::Outcome::Ok) {
                    std::fprintf(stderr, "for example: %s\n", result.first.error.c_str());
                    break;
                }
            }
        }
        if (print_it) {
            times_.push_back(milliseconds(elapsed));
            const auto count = static_cast<double>(total);
            own_cpu_.push_back((cpu_us(::getpid()) - own_cpu) / count);
            child_cpu_.push_back((cpu_us(plane_.pid()) - child_cpu) / count);
        }
    }

    void report(const char* figure) {
        std::sort(times_.begin(), times_.end());
        print(figure, times_[times_.size() / 2], "ms (median)");
        print(figure, times_.front(), "ms (minimum)");
        print(figure, median(own_cpu_), "us CPU per probe, supervisor side");
        print(figure, median(child_cpu_), "us CPU per probe, child");
        times_.clear();
        print("child, after", resident_kb(plane_.pid()) / 1024.0, "MiB RSS");
        print("supervisor side, after", resident_kb(::getpid()) / 1024.0, "MiB RSS");
    }

private:
    static ResolvedRequest request(std::size_t from, std::size_t to, probe::Scheme scheme) {
        ResolvedRequest resolved;
        resolved.request.id = std::to_string(from) + "-" + std::to_string(to);
        resolved.request.from = "x/" + pod_name(from);
        resolved.request.to.scheme = scheme;
        resolved.request.to.host = pod_address(to);
        resolved.request.timeout_ms = 5000;
        resolved.ns = "pod/x/" + pod_name(from);
        resolved.address = *netemu::IpAddress::parse(pod_address(to));
        resolved.port = 8080;
        return resolved;
    }

    std::size_t pods_;
    test::DataPlaneNet net_;
    netemu::EventLoop loop_;
    DataPlane plane_{loop_, test::data_plane_options(net_)};
    std::size_t ready_ = 0;
    std::vector<double> times_;
    std::vector<double> own_cpu_;
    std::vector<double> child_cpu_;
};

} // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], kChildCommand) == 0) {
        return data_plane_main(argc, argv);
    }
    if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
        std::perror("unshare (run as root, or under unshare -Ur)");
        return 77;
    }
    netemu::raise_open_files_limit(kOpenFiles);
    const auto pods = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100;
    const auto rounds = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 5;
    Bench bench(pods);
    bench.start();
    bench.serve();
    for (std::size_t i = 0; i <= rounds; ++i) {
        bench.matrix(i > 0, probe::Scheme::Tcp);
    }
    bench.report("tcp matrix");
    for (std::size_t i = 0; i <= rounds; ++i) {
        bench.matrix(i > 0, probe::Scheme::Http);
    }
    bench.report("http matrix");
    return 0;
}
