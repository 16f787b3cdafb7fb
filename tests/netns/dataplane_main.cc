#define BOOST_TEST_NO_MAIN
#define BOOST_TEST_ALTERNATIVE_INIT_API
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>

#include <sched.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "labctl/dataplane/child.h"

// NOLINTBEGIN: a main of our own: the program is also the data plane that it tests.
namespace {

constexpr int kSkip = 77;

void write_file(const char* path, const std::string& text) {
    std::ofstream(path) << text;
}

bool unshare_from_host() {
    const auto uid = ::getuid();
    const auto gid = ::getgid();
    if (uid == 0) {
        return ::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0;
    }
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0) {
        return false;
    }
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1");
    write_file("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
    return true;
}

} // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], labctl::dataplane::kChildCommand) == 0) {
        return labctl::dataplane::data_plane_main(argc, argv);
    }
    if (!unshare_from_host()) {
        std::cerr << "skipped: cannot unshare: " << std::strerror(errno) << "\n";
        return std::getenv("LABCTL_TEST_STRICT") != nullptr ? 1 : kSkip;
    }
    return boost::unit_test::unit_test_main([] { return true; }, argc, argv);
}
// NOLINTEND
