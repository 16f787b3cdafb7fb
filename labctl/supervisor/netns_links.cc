#include "labctl/supervisor/netns_links.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <unistd.h>

#include "labctl/supervisor/paths.h"
#include "netemu/base/error.h"
#include "netemu/base/log.h"

namespace labctl::supervisor {

NamespaceLinks::NamespaceLinks(std::string directory, std::string prefix, pid_t holder)
    : directory_(std::move(directory)), prefix_(std::move(prefix)), holder_(holder) {
}

void NamespaceLinks::update(const std::map<std::string, int>& namespaces) {
    std::map<std::string, int> wanted;
    for (const auto& [ns, fd] : namespaces) {
        const auto name =
            ns.starts_with("node/") || ns.starts_with("pod/") ? ns.substr(ns.find('/') + 1) : ns;
        auto file = prefix_ + name;
        std::replace(file.begin(), file.end(), '/', '.');
        wanted[file] = fd;
    }
    for (const auto& [file, fd] : links_) {
        const auto found = wanted.find(file);
        if (found == wanted.end() || found->second != fd) {
            ::unlink((directory_ + "/" + file).c_str());
        }
    }
    if (links_.empty()) {
        make_directories(directory_);
    }
    for (const auto& [file, fd] : wanted) {
        const auto found = links_.find(file);
        if (found != links_.end() && found->second == fd) {
            continue;
        }
        const auto path = directory_ + "/" + file;
        const auto target = "/proc/" + std::to_string(holder_) + "/fd/" + std::to_string(fd);
        if (::symlink(target.c_str(), path.c_str()) != 0 && errno != EEXIST) {
            netemu::log_debug("supervisor", "link " + path + ": " + netemu::errno_text(errno));
        }
    }
    links_ = std::move(wanted);
}

} // namespace labctl::supervisor
