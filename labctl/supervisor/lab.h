#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "labctl/api/fault.h"
#include "labctl/api/object.h"
#include "labctl/compile/cluster.h"
#include "labctl/compile/cluster_config.h"
#include "labctl/compile/dns_records.h"
#include "labctl/compile/proxies.h"
#include "labctl/compile/service_trail.h"
#include "labctl/dataplane/client.h"
#include "labctl/explain/packet_path.h"
#include "labctl/probe/probe.h"
#include "labctl/store/journal.h"
#include "labctl/store/store.h"
#include "labctl/supervisor/dns_watchers.h"
#include "labctl/supervisor/drop_fronts.h"
#include "labctl/supervisor/drop_log.h"
#include "labctl/supervisor/drop_story.h"
#include "labctl/supervisor/host_sockets.h"
#include "labctl/supervisor/iptables_rules.h"
#include "labctl/supervisor/last_requests.h"
#include "labctl/supervisor/netns_links.h"
#include "labctl/supervisor/paths.h"
#include "labctl/supervisor/runtime.h"
#include "netemu/base/event_loop.h"
#include "netemu/kernel/kernel.h"

namespace labctl::api {
struct Fault;
}

namespace labctl::cni {
struct Request;
struct Result;
} // namespace labctl::cni

namespace mesh {
struct SidecarTable;
} // namespace mesh

namespace labctl::compile {
class Identities;
class Gateways;
class Ingresses;
class Policies;
class Sidecars;
} // namespace labctl::compile

namespace labctl::explain {
struct AffinityReaders;
struct ExplainQuestion;
struct MeshAttempt;
struct ProxiedClient;
} // namespace labctl::explain

namespace labctl::stream {
struct StreamSpec;
} // namespace labctl::stream

namespace labctl::supervisor {

class Attachments;
class Bgp;
class CniCalls;
class CniRuntime;
class Faults;
class MeshIdentities;
class LogBuffer;
class Streams;
struct Target;

/// What a change has done, for `apply` to print.
struct ChangeReport {
    struct Item {
        api::ObjectKey key;
        std::string action; // created, configured, unchanged, deleted
    };
    std::vector<Item> objects;
    std::map<std::string, std::size_t> operations; // as netemu::summarize counts them
    std::vector<std::string> lines;                // one per operation; only for a dry run
    std::uint64_t elapsed_us = 0;
    std::vector<api::ObjectKey> terminating; // pods that were deleted and are not gone yet
    std::vector<std::string> warnings;       // what whoever made the change should know
};

/// One running lab: its objects, its cluster, its network, what runs in it. Every member is called
/// on the supervisor's loop. After each change `sync` brings the kernel and the workloads to what
/// the objects say.
class Lab {
public:
    /// A finished step of the build: what, and how long it took.
    using Step = std::function<void(const std::string& text, std::uint64_t microseconds)>;
    /// Called during long work; throws to abandon it.
    using KeepAlive = std::function<void()>;

    Lab(netemu::EventLoop& loop,
        LabPaths paths,
        pid_t host_pid,
        int verbosity,
        HostSockets host_sockets);
    Lab(const Lab&) = delete;
    Lab& operator=(const Lab&) = delete;
    ~Lab();

    /// Builds the lab. `objects` are the user's; with `resume`, those of the journal come first.
    /// Throws netemu::Error when the host cannot; the process then ends, and the kernel removes
    /// what was made.
    void start(
        const api::Object& lab,
        std::vector<api::Object> objects,
        const Step& step,
        const KeepAlive& keep_alive);
    [[nodiscard]] bool started() const { return cluster_ != nullptr; }

    [[nodiscard]] const store::Store& store() const { return store_; }
    /// The same, to watch it.
    [[nodiscard]] store::Store& watchable() { return store_; }
    [[nodiscard]] const compile::ClusterConfig& config() const { return cluster_->config(); }
    [[nodiscard]] const LabPaths& paths() const { return paths_; }
    [[nodiscard]] Runtime& runtime() { return *runtime_; }
    /// The policies as they are enforced: values, evaluator, and what a drop rule's log means.
    [[nodiscard]] compile::Policies& policies() { return *policies_; }
    [[nodiscard]] std::size_t namespaces() const { return observed_.namespaces.size(); }

    // Changes. Each throws api::StatusError when it is refused, and then nothing has changed.
    ChangeReport apply(std::vector<api::Object> objects, bool dry_run);
    /// `grace`: seconds that pods get instead of their own grace period; 0: none.
    ChangeReport remove(
        const std::vector<api::ObjectKey>& keys, std::optional<std::int64_t> grace = std::nullopt);
    struct EditOptions {
        bool strict = false;  // fields that the kind has not are errors
        bool dry_run = false; // nothing changes: what would be stored
    };
    /// A request for one object: checked, completed and stored as the API server does it; returns
    /// what is stored.
    api::ObjectPtr
    edit(const std::function<api::ObjectPtr(compile::Cluster&)>& edit, const EditOptions& options);
    api::ObjectPtr scale(const api::ObjectKey& key, int replicas);
    void label(const std::vector<api::ObjectKey>& keys, const api::Json& changes, bool overwrite);

    /// Switches all nodes to another mode of kube-proxy. The new rules are in place before the old
    /// ones go, and connections are left alone. Throws netemu::Error, with the mode as it was, when
    /// a node refuses the new rules.
    ChangeReport set_proxy_mode(const std::string& mode);

    /// The operations that would bring the kernel, as it really is now, to what the objects say.
    /// Empty unless somebody changed the network by hand.
    netemu::Plan drift();
    /// The same for rules that iptables loads, for each node: what is different, in one line each.
    [[nodiscard]] std::map<std::string, std::vector<std::string>> rule_drift() const;
    /// Carries out that plan, and loads rules that differ.
    ChangeReport repair();

    /// A way into a pod, node or "external": see Runtime::enter.
    Runtime::Entry enter(const std::string& target, const std::string& default_ns);

    /// Which way a new connection takes, as compile::explain_path says it of {"from", "to",
    /// "namespace"}. `proxied` is what `ask_proxies` tells. lab_explain.cc. Throws
    /// netemu::UsageError for what does not exist, SysError of the kernel.
    api::Json explain(const api::Json& question, std::vector<explain::ProxiedClient> proxied);
    /// The same and `wire`, what came of one real packet; the summary ends with it.
    void explain_by_packet(api::Json explanation, std::function<void(api::Json)> done);
    /// The clients that Services with session affinity send to the same endpoint again (`ns` empty:
    /// of all Services); the rest as above. lab_affinity.cc
    api::Json affinity(const std::string& ns, std::vector<explain::ProxiedClient> proxied);
    /// Calls back once with the clients that the proxies of the userspace mode remember; at once,
    /// with none, in the other modes.
    void ask_proxies(std::function<void(std::vector<explain::ProxiedClient>)> use);

    /// What becomes of a name, {"from", "to": "dns://NAME", "namespace"}: see DnsExplainer.
    void explain_dns(const api::Json& question, const std::function<void(api::Json)>& done);
    /// Every query that the lab's DNS answers from now on, until `unwatch_dns`. lab_dns.cc.
    int watch_dns(std::function<void(api::Json event)> callback);
    /// What becomes of a request for a URL, the question's "to": compile::explain_ingress.
    /// lab_ingress.cc.
    [[nodiscard]] api::Json explain_ingress(const api::Json& question);
    /// Whether it is about a URL that a Gateway has, and what becomes of it there:
    /// explain::explain_gateway.
    [[nodiscard]] bool is_gateway_url(const api::Json& question) const;
    [[nodiscard]] api::Json explain_gateway(const api::Json& question);
    /// Whether sidecars have to do with a request for that URL, so that `explain` tells of it:
    /// compile::is_service_url. lab_mesh.cc.
    [[nodiscard]] bool is_service_url(const api::Json& question) const;
    /// What the mesh makes of an object: compile::describe_mesh. lab_mesh.cc.
    [[nodiscard]] api::Json describe_mesh(const api::ObjectKey& key) const;
    void unwatch_dns(int watcher) { dns_watchers_->remove(watcher); }

    /// Gives a client's connection to a process that serves it at this pod. lab_streams.cc. Throws
    /// api::StatusError, SysError; then it is the caller's still.
    void serve_stream(const api::Object& pod, stream::StreamSpec spec, const ExchangePtr& exchange);

    /// Taps for whoever asked: {"targets": ["node/node-1:eth0"], "namespace", "snapBytes", "names":
    /// true}. `description` has "places" (name, description, linkType, mac, ringBytes), one for
    /// each socket, and the names of addresses. A tap keeps its namespace alive: the receiver lets
    /// go of it when its interface, or the lab, is gone. lab_taps.cc. Throws netemu::UsageError for
    /// what does not exist.
    struct Taps {
        api::Json description;
        std::vector<netemu::UniqueFd> sockets;
    };
    Taps open_taps(const api::Json& question);

    /// A call of labctl as a CNI plugin, {"environment": {...}, "config": "text"}, with a
    /// descriptor of the container's network namespace where the command has one. Answers
    /// {"result"} or {"error"} as the specification has them. lab_attach.cc.
    api::Json serve_cni(const api::Json& question, const std::vector<netemu::UniqueFd>& fds);

    /// The calls of CNI plugins that a pod has seen, {"pod", "calls"}, and where the lab has wired
    /// it by itself what it did, {"operations"}: for `explain --cni`. lab_cni_explain.cc.
    [[nodiscard]] api::Json explain_cni(const std::string& pod, const std::string& default_ns);
    /// Lets the plugins let go of all pods; calls back when they have, at once where there are
    /// none. lab_cni.cc.
    void end_cni(std::function<void()> done);

    /// Faults, as faults.h has them. `inject_fault` takes {"fault": "cut node/node-1",
    /// "namespace"} (api::parse_fault) and answers with the fault as `faults` lists it;
    /// `heal_faults` takes {"id"}, {"verb", "target", "namespace"} or {"all": true} and answers
    /// with {"items"}, those that it healed. lab_faults.cc. Throw netemu::UsageError for what does
    /// not exist.
    api::Json inject_fault(const api::Json& question);
    api::Json heal_faults(const api::Json& question);
    api::Json faults();

    /// {"items": [{"id", "labels", "pods", "reserved"}], "tunnels": {NODE: {"sent", "received",
    /// "dropped", "drops": {REASON: N}}}}; both empty where there are none. lab_identities.cc.
    [[nodiscard]] api::Json identities() const;
    /// Sessions and routes as BIRD has them: {"enabled", "sessions", "routes", ...}. lab_bgp.cc.
    [[nodiscard]] api::Json bgp() const;
    /// Bgp::summary, or null.
    [[nodiscard]] api::Json bgp_summary() const;
    /// Calls back when what was changed of BGP has had its effect; at once in a lab without BGP.
    void when_routed(std::function<void()> callback);
    /// What BIRD prints in that namespace ("node/node-1", "router/leaf-1"); nullptr where it does
    /// not run.
    [[nodiscard]] LogBuffer* bird_logs(const std::string& ns);
    /// The links between nodes, switches, routers, hosts and the outside, as they are wanted:
    /// {"items": [{"a": {"place", "interface", "impairment"}, "b": ..., "mtu", "emulation"}]}; of a
    /// link in userspace each end has "counters", too. lab_links.cc.
    [[nodiscard]] api::Json links() const;

    /// Adds to a LabStatus what there is: nodes, pods, processes, network, memory.
    void describe(api::Json& status) const;

    /// Nothing of the lab is to come back.
    void forget_journal();

    /// Sends probes; `done` gets the results in order. Returns a number for `stop_probes`.
    std::uint64_t
    probe(const probe::RequestList& requests, std::function<void(std::vector<probe::Result>)> done);
    /// See dataplane::DataPlane::stop_probes.
    void stop_probes(std::uint64_t list);

    /// What rules have dropped; listens to all nodes from now on. lab_drops.cc.
    DropLog& watch_drops();
    [[nodiscard]] DropStory& drop_story() { return *drop_story_; }

    /// Pods that are neither ready nor finished, with the reason: {"default/web-1": "waiting for
    /// ..."}.
    [[nodiscard]] std::map<std::string, std::string> pending_pods() const;
    /// The same, and namespaces that lack routes of BGP.
    [[nodiscard]] std::map<std::string, std::string> pending() const;
    /// Calls back once when no pod is on its way to being ready any more, or at the deadline.
    void when_settled(netemu::Clock::time_point deadline, std::function<void()> callback);

private:
    std::vector<ChangeReport::Item>
    apply_all(compile::Cluster& cluster, std::vector<api::Object> objects);
    void note_change(const store::Event& event);
    void end_streams(const store::Event& event); // lab_streams.cc
    [[nodiscard]] ChangeReport simulate(std::vector<api::Object> objects) const;
    void start_dataplane(const compile::ClusterConfig& config);
    ChangeReport sync();
    void sync_by_itself();
    /// Of `start`: what the objects call for is made and served.
    bool restore();
    void start_network(const Step& step, const KeepAlive& keep_alive);
    ChangeReport build_network(const KeepAlive& keep_alive);
    [[nodiscard]] netemu::DesiredState desired_state() const;
    /// Whether this host's kernel has netem; asks it once.
    [[nodiscard]] bool has_netem() const;
    void update_proxies(ChangeReport& report);
    [[nodiscard]] netemu::ObservedState observe();
    void switch_to_restored(std::unique_ptr<compile::Proxies> next, ChangeReport& report);
    void switch_to_tables(std::unique_ptr<compile::Proxies> next, ChangeReport& report);
    void bring_tables(const compile::Proxies& before, ChangeReport& report);
    void prepare_ipvs();
    void schedule_sweep();
    /// What the rules of the userspace mode lead to. lab_userspace.cc.
    static std::vector<dataplane::ProxySpec> userspace_sockets(const compile::Proxies& proxies);
    void delete_empty_iptables_tables();
    void note_tables(const std::vector<netemu::Operation>& operations);
    void forget_connections();
    // lab_policy.cc
    void start_policies();
    void update_policies(ChangeReport& report);
    void finish_policies();
    void carry_out_policies(std::vector<netemu::Operation> operations, ChangeReport& report);
    void cut_connections(const std::set<std::string>& namespaces);
    void forget_addresses(const std::vector<netemu::IpAddress>& addresses);
    void sweep_policies();
    void test_policy_hook();
    void warn_of_ignored_policies();
    void announce_policy_warning();
    void describe_policies(api::Json& status) const;
    void update_dns(); // lab_dns.cc
    void update_ingresses();
    void update_gateways();
    void start_sidecars();
    void update_sidecars();
    void tell_sidecars(mesh::SidecarTable table);
    [[nodiscard]] explain::MeshAttempt
    mesh_attempt(const dataplane::ResolvedRequest& resolved, const netemu::Endpoint& remote) const;
    void name_denials(
        const std::vector<dataplane::ResolvedRequest>& requests,
        std::vector<probe::Result>& results) const;
    // lab_bgp.cc
    void start_bgp();
    void update_bgp();
    void check_bgp_fault(const api::Fault& fault, const Target& target) const;
    explain::RouteNotes add_bgp_routes(netemu::DesiredState& network) const;
    void serve_dns_upstream();
    void serve_health_checks();
    void sweep_proxies();
    void carry_out(const netemu::Plan& plan, const KeepAlive& keep_alive);
    // lab_cni.cc
    void prepare_cni(const api::Object& lab);
    void take_back_addresses();
    void cni_added(const api::ObjectKey& key, const std::string& uid, const cni::Result& result);
    void cni_failed(const api::ObjectKey& key, const std::string& uid, const std::string& why);
    void warn_of_address(const api::Object& pod, const std::string& node);
    void note_plugin_bridge(const std::string& node, const cni::Result& result);
    void add_plugin_bridges(netemu::DesiredState& desired) const;
    void forget_plugins(netemu::ObservedState& observed) const;
    void follow_cni();
    [[nodiscard]] std::size_t cni_starting() const;
    // lab_attach.cc
    api::Json answer_cni(const cni::Request& request, const std::vector<netemu::UniqueFd>& fds);
    api::Json attach(const cni::Request& request, const netemu::UniqueFd& netns);
    void refuse_own(const netemu::UniqueFd& netns) const;
    void detach(const std::vector<api::ObjectKey>& pods);
    [[nodiscard]] std::string pod_problem(const api::ObjectKey& key) const;
    void check_attached(const cni::Request& request, const netemu::UniqueFd& netns);
    void forget_lost_attachments(const Step& step);
    // lab_identities.cc
    static void require_tunnels(const compile::ClusterConfig& config);
    [[nodiscard]] services::IdentityNetwork tunnel_network() const;
    void update_tunnels();
    void serve_tunnels();
    // lab_links.cc
    void note_cables(const netemu::DesiredState& desired);
    void serve_links();
    void tunnels_dropped(const std::vector<dataplane::TunnelDropped>& drops);
    void explain_identities(api::Json& explanation) const;
    // lab_explain.cc
    /// What ways are looked for in, made once for many questions.
    struct ExplainedNetwork {
        netemu::DesiredState desired;
        explain::RouteNotes notes;
        services::IdentityNetwork tunnels;
    };
    [[nodiscard]] ExplainedNetwork explained_network() const;
    api::Json explain_connection(
        const explain::ExplainQuestion& asked,
        const ExplainedNetwork& network,
        explain::AffinityReaders affinity);
    void blame_policies(api::Json& answer); // lab_dns.cc
    void explain_edge_way(api::Json& answer, const explain::ExplainQuestion& asked);
    explain::AffinityReaders affinity_readers(std::vector<explain::ProxiedClient> proxied);
    void start_faults();
    [[nodiscard]] std::optional<Target> find_peer(
        const api::Fault& fault,
        const api::Json& question,
        const Target& target,
        netemu::DesiredState desired) const;
    void faults_changed();
    void runtime_changed(const api::ObjectKey& pod, const compile::RuntimeState& state);
    void flush_runtime_changes();
    void pod_ended(const api::ObjectKey& pod, const std::string& uid);
    void end_pods();
    void check_settled();
    void begin_trail();
    void start_drops(const compile::ClusterConfig& config);
    void undo_nat(const DroppedPacket& dropped, dataplane::DropNotice& notice);
    [[nodiscard]] std::vector<std::string> node_names() const;

    netemu::EventLoop& loop_;
    LabPaths paths_;
    pid_t host_pid_;
    int verbosity_;
    HostSockets host_sockets_;
    store::Store store_;
    std::unique_ptr<store::Journal> journal_;
    std::unique_ptr<compile::Cluster> cluster_;
    std::unique_ptr<compile::Proxies> proxies_;     // from the moment the objects are complete
    std::unique_ptr<compile::DnsRecords> dns_;      // likewise
    std::string upstream_zone_;                     // that the lab's upstream serves
    std::unique_ptr<compile::Ingresses> ingresses_; // likewise
    std::unique_ptr<compile::Gateways> gateways_;   // likewise
    std::unique_ptr<compile::Sidecars> sidecars_;   // likewise
    std::unique_ptr<MeshIdentities> mesh_identities_;
    netemu::EventLoop::TimerId sweep_timer_ = 0;
    std::unique_ptr<compile::Policies> policies_;      // likewise
    std::unique_ptr<compile::Identities> identities_;  // likewise
    std::vector<services::IdentityNode> tunnel_nodes_; // that Sleeve's tunnels go by
    netemu::EventLoop::TimerId policy_sweep_timer_ = 0;
    bool policy_hook_tested_ = false;
    std::size_t ignored_policies_ = 0; // that the CNI profile does not enforce, as last warned of
    std::string policy_warning_;       // why enforcement has a hole; empty: it has none
    std::vector<compile::HealthCheck> health_checks_; // that are served
    std::unique_ptr<netemu::Kernel> kernel_;
    std::unique_ptr<Attachments> attachments_; // containers that hang on the lab
    std::unique_ptr<CniCalls> cni_calls_;
    std::unique_ptr<CniRuntime> cni_; // where plugins wire the pods; uses the two above
    bool cni_sync_pending_ = false;
    std::map<std::string, netemu::MacAddress> plugin_bridges_; // by the node's namespace
    std::unique_ptr<IptablesRules> iptables_;  // in the modes that restore; else it holds none
    netemu::ObservedState observed_;           // what we know to be there
    std::vector<dataplane::LinkCable> cables_; // that the data plane carries
    std::map<api::ObjectKey, std::string> fingerprints_; // of what the network depends on
    bool network_dirty_ = true;
    mutable std::optional<bool> has_netem_; // once somebody had to know
    NamespaceLinks links_;
    std::vector<std::pair<api::ObjectKey, compile::RuntimeState>> runtime_changes_;
    std::vector<std::pair<api::ObjectKey, std::string>> ended_pods_; // with their uids
    std::function<void()> on_settled_;
    netemu::EventLoop::TimerId settle_timer_ = 0;
    std::unique_ptr<dataplane::DataPlane> dataplane_;
    std::unique_ptr<DnsWatchers> dns_watchers_;
    std::unique_ptr<DropStory> drop_story_;
    DropFronts drop_fronts_;                       // of `proxies_`
    std::unique_ptr<DropLog> drop_log_;            // tells the data plane
    std::unique_ptr<Runtime> runtime_;             // uses all of the above
    std::uint64_t fault_revision_ = 0;             // of the faults that the network has
    std::unique_ptr<Faults> faults_;               // likewise, of what it breaks
    std::unique_ptr<Bgp> bgp_;                     // where the lab has it; uses all of the above
    std::unique_ptr<compile::ServiceTrail> trail_; // from the moment the lab is settled
    std::unique_ptr<LastRequests> last_requests_;  // likewise
    std::unique_ptr<Streams> streams_;             // uses the runtime
};

} // namespace labctl::supervisor
