#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dns/changes.h"
#include "labctl/dataplane/channel.h"

namespace labctl::dataplane {

/// The supervisor's record of what the cluster's DNS answers from, as the records that say it: so
/// that a new child, or a child with a new Corefile, can be told all of it.
class DnsRegistry {
public:
    /// The channel to the child that runs now, or nullptr. A new child is told everything, which
    /// goes before any socket that it is given afterwards.
    void set_channel(Channel* channel);
    void change(const dns::ZoneChanges& changes);

private:
    using Key = std::pair<std::string, std::string>; // namespace, name
    class Message;

    void take(const dns::ZoneChanges& changes, Message& message);
    void send_all() const;

    Channel* channel_ = nullptr;
    std::optional<std::string> corefile_;      // none: nothing to answer with, so nothing is sent
    std::map<std::string, std::string> files_; // that it reads, by path
    std::set<std::string> namespaces_;
    std::map<Key, std::vector<std::string>> services_;         // as records
    std::map<dns::ZoneChanges::PodAddress, std::size_t> pods_; // pods of a node share addresses
};

} // namespace labctl::dataplane
