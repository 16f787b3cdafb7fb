#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "dns/autopath.h"
#include "dns/cache.h"
#include "dns/corefile.h"
#include "dns/handler.h"
#include "dns/hosts.h"
#include "dns/loop.h"
#include "dns/rewrite.h"
#include "dns/template.h"
#include "dns/upstream.h"
#include "dns/zone.h"
#include "dns/zone_file.h"
#include "netemu/base/event_loop.h"

namespace dns {

/// What a server block needs besides its text: everything that is made or read elsewhere.
struct BlockParts {
    ClusterZone* zone = nullptr; // of plugin kubernetes; the caller's
    /// One for each `forward` of the block, in order; may be null (no upstream: SERVFAIL).
    std::vector<std::shared_ptr<Upstream>> upstreams;
    std::string hosts_text;               // content of the hosts file
    std::vector<StaticZone> files;        // the zones of `file`
    std::vector<std::string> host_search; // of the node's resolv.conf, for autopath
    /// Time for the cache; tests set their own.
    std::function<netemu::Clock::time_point()> now = netemu::Clock::now;
};

/// The plugins of one server block, in coredns' fixed order: any, rewrite, autopath, template,
/// hosts, kubernetes, file, cache, forward. Records of the cluster and of files are in memory and
/// are answered from there always, so the cache holds what came from upstreams only.
class BlockResolver {
public:
    BlockResolver(ServerBlock config, BlockParts parts);
    BlockResolver(const BlockResolver&) = delete;
    BlockResolver& operator=(const BlockResolver&) = delete;
    ~BlockResolver();

    Handled handle(
        const QueryView& query,
        const Client& client,
        std::span<std::uint8_t> out,
        ReplyMaker& replies);
    void expect(std::span<const Bytes> packets) const;
    /// The same with values, for `explain` and for names that we need ourselves.
    void resolve(const Ask& ask, const netemu::IpAddress& client, Done done);

    /// Asks the upstream of the block's first zone for a name of the plugin loop, past the cache.
    /// `found` is called from `handle` when that question comes back, before the answer if it does.
    using LoopFound = std::function<void(const Name& name, const Client& client)>;
    void probe_loop(LoopFound found, const Done& done);
    void end_loop_probe() { loop_.reset(); }

    [[nodiscard]] const ServerBlock& config() const { return config_; }
    [[nodiscard]] Cache* cache() { return cache_.get(); }
    /// Where hits and misses are counted; null: nowhere.
    void set_counters(Counters* counters) { counters_ = counters; }

private:
    struct Walk;
    struct LoopWait {
        LoopProbe probe;
        LoopFound found;
    };

    [[nodiscard]] bool straight() const;
    Handled handle_slowly(
        const QueryView& query,
        const Client& client,
        std::span<std::uint8_t> out,
        ReplyMaker& replies);
    Handled from_cache(const QueryView& query, const Client& client, std::span<std::uint8_t> out);
    void walk(const Ask& ask, std::size_t depth, const Done& done);
    void search(const std::shared_ptr<Walk>& state);
    [[nodiscard]] std::optional<Message> local(const Ask& ask) const;
    [[nodiscard]] std::optional<Message> from_files(const Question& question) const;
    [[nodiscard]] std::optional<Message> cluster(const Ask& ask, std::optional<Name>& target) const;
    void chase(const Ask& ask, const Name& target, std::size_t depth, const Done& done);
    void forward(const Ask& ask, const Done& done);
    void ask_upstream(const Ask& ask, const Done& done);
    void shuffle(Message& response) const;

    ServerBlock config_;
    BlockParts parts_;
    std::unique_ptr<Rewriter> rewriter_;
    std::vector<TemplatePlugin> templates_;
    std::unique_ptr<HostsTable> hosts_;
    std::unique_ptr<Autopath> autopath_;
    std::unique_ptr<Cache> cache_;
    std::unique_ptr<LoopWait> loop_; // while its question may come back
    Counters* counters_ = nullptr;
    /// Ends with the resolver: answers that come later find nobody.
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// All server blocks of one port: the block whose zone is the longest suffix of the name answers;
/// none: REFUSED. Classes other than IN: REFUSED.
class Resolver : public Handler {
public:
    void add(std::unique_ptr<BlockResolver> block);
    void expect(std::span<const Bytes> packets) override;
    Handled handle(
        const QueryView& query,
        const Client& client,
        std::span<std::uint8_t> out,
        ReplyMaker& replies) override;
    [[nodiscard]] BlockResolver* block_of(const Name& name);
    [[nodiscard]] const std::vector<std::unique_ptr<BlockResolver>>& blocks() const {
        return blocks_;
    }

private:
    struct Entry {
        std::string zone; // lower wire name
        std::size_t labels;
        BlockResolver* block;
    };
    std::vector<std::unique_ptr<BlockResolver>> blocks_;
    std::vector<Entry> entries_; // most labels first
};

/// The options of a cluster's zone as a `kubernetes` directive says.
ZoneOptions zone_options(const KubernetesConfig& config, bool shuffle);

} // namespace dns
