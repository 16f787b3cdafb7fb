#include "labctl/dataplane/dns_registry.h"

#include "labctl/dataplane/dns_wire.h"

namespace labctl::dataplane {
namespace {

constexpr std::size_t kDnsMessageBytes = 48U << 10U;

} // namespace

/// Collects records into as few messages as possible; without a channel into none.
class DnsRegistry::Message {
public:
    explicit Message(Channel* channel) : channel_(channel) {}
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;
    ~Message() = default;

    void add(const std::string& record) {
        if (channel_ == nullptr) {
            return;
        }
        if (records_.size() + record.size() > kDnsMessageBytes) {
            flush();
        }
        records_.raw(record);
    }
    void add(const std::vector<std::string>& records) {
        for (const auto& record : records) {
            add(record);
        }
    }
    void flush() {
        if (channel_ != nullptr && !records_.empty()) {
            channel_->send(records_.bytes());
            records_.clear();
        }
    }

private:
    Channel* channel_;
    WireWriter records_;
};

void DnsRegistry::set_channel(Channel* channel) {
    channel_ = channel;
    send_all();
}

void DnsRegistry::change(const dns::ZoneChanges& changes) {
    // A new Corefile makes a new zone, which is filled anew and takes the old one's place when
    // full.
    Message message(changes.corefile || !corefile_ ? nullptr : channel_);
    take(changes, message);
    message.flush();
    if (changes.corefile) {
        corefile_ = changes.corefile;
        files_ = changes.files;
        send_all();
    }
}

void DnsRegistry::take(const dns::ZoneChanges& changes, Message& message) {
    for (const auto& name : changes.namespaces) {
        namespaces_.insert(name);
        message.add(encode_dns_namespace(Op::DnsNamespace, name));
    }
    for (const auto& service : changes.services) {
        auto& records = services_[{service.ns, service.name}];
        records = encode_dns_service(service);
        message.add(records);
    }
    for (const auto& [ns, name] : changes.services_gone) {
        services_.erase({ns, name});
        message.add(encode_dns_service_gone(ns, name));
    }
    for (const auto& name : changes.namespaces_gone) {
        namespaces_.erase(name);
        message.add(encode_dns_namespace(Op::DnsNamespaceGone, name));
    }
    for (const auto& pod : changes.pods) {
        if (pods_[pod]++ == 0) {
            message.add(encode_dns_pod(Op::DnsPod, pod));
        }
    }
    for (const auto& pod : changes.pods_gone) {
        const auto found = pods_.find(pod);
        if (found != pods_.end() && --found->second == 0) {
            pods_.erase(found);
            message.add(encode_dns_pod(Op::DnsPodGone, pod));
        }
    }
}

void DnsRegistry::send_all() const {
    if (channel_ == nullptr || !corefile_) {
        return;
    }
    Message message(channel_);
    message.add(encode_corefile(*corefile_, files_));
    for (const auto& name : namespaces_) {
        message.add(encode_dns_namespace(Op::DnsNamespace, name));
    }
    for (const auto& [key, records] : services_) {
        message.add(records);
    }
    for (const auto& [pod, count] : pods_) {
        message.add(encode_dns_pod(Op::DnsPod, pod));
    }
    message.add(WireWriter().op(Op::DnsSynced).bytes());
    message.flush();
}

} // namespace labctl::dataplane
