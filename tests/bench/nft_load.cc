#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include <sched.h>
#include <unistd.h>

#include "netemu/base/error.h"
#include "netemu/kernel/kernel.h"
#include "netemu/model/nft_change.h"
#include "netemu/model/nft_text.h"
#include "tests/support/service_tables.h"

/// Measures how long tables of a service proxy take to load and to change, beside `nft -f` of the
/// same rules in the same run:
///
///     bench_nft [LAYOUT [SERVICES [ENDPOINTS [nft]]]]       LAYOUT: readable, named, flat
///
/// Prints one JSON object. Without the last word, nft(8) is not run (it needs minutes for 10,000).
namespace {

using Clock = std::chrono::steady_clock;
using namespace netemu;
using namespace netemu::test;

double ms_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

template <class Body>
double timed(const Body& body) {
    const auto start = Clock::now();
    body();
    return ms_since(start);
}

/// `nft -f` of the table's text in a namespace; milliseconds.
double run_nft(Kernel& kernel, const std::string& ns, const NftTable& table) {
    const std::string file = "/tmp/bench_nft." + std::to_string(::getpid());
    std::ofstream(file) << to_text(table) << '\n';
    const std::string command = "nsenter --net=/proc/" + std::to_string(::getpid()) + "/fd/" +
                                std::to_string(kernel.namespace_fd(ns)) + " nft -f " + file;
    int status = 0;
    const double ms = timed([&] { status = std::system(command.c_str()); });
    (void)::unlink(file.c_str());
    if (status != 0) {
        throw Error("nft -f failed");
    }
    return ms;
}

void measure(const std::string& name, std::size_t services, std::size_t endpoints, bool with_nft) {
    const auto layout = name == "flat"    ? ServiceLayout::Flat
                        : name == "named" ? ServiceLayout::Named
                                          : ServiceLayout::Readable;
    auto kernel = make_linux_kernel();
    kernel->apply(Plan{
        {CreateNamespace{"ours", NamespaceRole::Node, {}},
         CreateNamespace{"theirs", NamespaceRole::Node, {}}}});
    NftTable table;
    NftTable changed;
    const double model_ms = timed([&] { table = service_table(layout, services, endpoints); });
    const double load_ms = timed([&] { kernel->apply(Plan{{ReplaceTable{"ours", table}}}); });
    std::shared_ptr<const NftChange> change;
    NftIdentity after;
    const double diff_ms = timed([&] {
        changed = with_endpoint_gone(table, layout, services / 2, endpoints);
        change = std::make_shared<const NftChange>(*nft_diff(table, changed));
        after = nft_identity(changed);
    });
    const double change_ms = timed([&] {
        kernel->apply(Plan{{ChangeTable{"ours", change, after}}});
    });
    const auto back = std::make_shared<const NftChange>(*nft_diff(changed, table));
    const double back_ms = timed([&] {
        kernel->apply(Plan{{ChangeTable{"ours", back, nft_identity(table)}}});
    });
    const double observe_ms = timed([&] { (void)kernel->observe(); });
    const double nft_ms = with_nft ? run_nft(*kernel, "theirs", table) : 0;
    (void)std::printf(
        "{\"program\": \"nft\", \"layout\": \"%s\", \"services\": %zu, \"endpoints\": %zu, "
        "\"model_ms\": %.2f, \"load_ms\": %.2f, \"nft_ms\": %.1f, \"diff_ms\": %.3f, "
        "\"endpoint_gone_ms\": %.3f, \"endpoint_back_ms\": %.3f, \"observe_ms\": %.3f}\n",
        name.c_str(),
        services,
        endpoints,
        model_ms,
        load_ms,
        nft_ms,
        diff_ms,
        change_ms,
        back_ms,
        observe_ms);
}

} // namespace

int main(int argc, char** argv) {
    try {
        const int user = ::geteuid() == 0 ? 0 : CLONE_NEWUSER;
        netemu::check_syscall("leave the host's network", ::unshare(user | CLONE_NEWNET));
        measure(
            argc > 1 ? argv[1] : "readable",
            argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1000,
            argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 10,
            argc > 4);
        return 0;
    } catch (const std::exception& error) {
        (void)std::fprintf(stderr, "bench_nft: %s\n", error.what());
        return 5;
    }
}
