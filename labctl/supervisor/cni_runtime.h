#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "labctl/api/object.h"
#include "labctl/cni/conflist.h"
#include "labctl/cni/result.h"
#include "labctl/store/store.h"
#include "labctl/supervisor/cni_attachments.h"
#include "labctl/supervisor/cni_calls.h"
#include "labctl/supervisor/cni_process.h"
#include "netemu/base/event_loop.h"
#include "netemu/kernel/kernel.h"

namespace labctl::supervisor {

/// labctl as a container runtime: has the plugins of a network configuration list wire the pods,
/// each in the namespace of its node (CNI specification 1.1.0, section 2). ADD for each plugin in
/// order, each with the result of the one before; DEL in reverse order. A pod whose ADD fails is
/// cleaned up with DEL and tried again later, as kubelet does.
class CniRuntime {
public:
    using Added = std::function<void(
        const api::ObjectKey& pod, const std::string& uid, const cni::Result& result)>;
    using Failed = std::function<void(
        const api::ObjectKey& pod, const std::string& uid, const std::string& why)>;

    struct Parts {
        netemu::EventLoop& loop;
        const store::Store& store;
        netemu::Kernel& kernel;
        CniCalls& calls;
        cni::Conflist list;
        std::string bin_dir;  // CNI_PATH
        std::string data_dir; // what plugins remember, in a folder for each node
        std::string fds;      // where a plugin finds our descriptors: "/proc/1/fd/"
        std::vector<std::string> nodes;
        CniAttachments attachments; // what is owed a DEL, however the lab ends
        Added added;
        Failed failed; // once for each attempt
        /// A DEL has failed; the others go on.
        std::function<void(const std::string& node, const std::string& why)> let_go_failed;
    };

    explicit CniRuntime(Parts parts) : parts_(std::move(parts)) {}
    CniRuntime(const CniRuntime&) = delete;
    CniRuntime& operator=(const CniRuntime&) = delete;
    ~CniRuntime();

    /// Throws netemu::UnsupportedError that names the Debian package when a plugin of the list is
    /// not in `bin_dir`.
    static void require_plugins(const cni::Conflist& list, const std::string& bin_dir);

    /// Once, before anything is made: what a lab that was killed has left behind is to be deleted
    /// before any pod is added.
    void recover();
    /// Begins with the pods that have a namespace and no interface yet, and lets go of those that
    /// are gone. After the network was changed.
    void follow();
    /// `pod` would like to have the addresses that it had before, if they are still free.
    void prefer(const std::string& uid, std::vector<std::string> addresses) {
        preferred_[uid] = std::move(addresses);
    }
    [[nodiscard]] const std::string& data_dir() const { return parts_.data_dir; }
    /// Pods whose first ADD has neither succeeded nor failed yet.
    [[nodiscard]] std::size_t starting() const;
    /// DEL for every pod; calls back when all are done, or at the deadline.
    void remove_all(netemu::Clock::time_point deadline, std::function<void()> done);

private:
    enum class Phase { Waiting, Adding, Added, CleaningUp, Resting, Deleting };
    struct Pod {
        CniAttachment made;
        netemu::UniqueFd netns; // lives until DEL is done; none of one that was left behind
        Phase phase = Phase::Waiting;
        bool tried = false;  // an attempt has come to an end
        bool doomed = false; // it is gone: DEL as soon as nothing runs
        unsigned failures = 0;
        std::size_t position = 0; // of the plugin that runs, in the list
        std::unique_ptr<CniProcess> process;
        netemu::EventLoop::TimerId timer = 0;
    };

    [[nodiscard]] bool is_letting_go(const api::ObjectKey& key) const;
    void begin(const api::Object& object);
    void doom(Pod& pod);
    void enqueue(Pod& pod, Phase phase);
    void start_next();
    void run_plugin(Pod& pod);
    void plugin_ended(const std::string& uid, const CniCall& call, const CniProcessEnd& end);
    void add_ended(Pod& pod, const CniProcessEnd& end);
    void add_failed(Pod& pod, const std::string& why);
    void delete_ended(Pod& pod, const CniProcessEnd& end);
    void finish(Pod& pod);
    void clear_data() const;
    [[nodiscard]] static std::string type_of(const Pod& pod);
    [[nodiscard]] static std::string
    failure_text(const Pod& pod, const char* command, const CniProcessEnd& end);
    [[nodiscard]] int place_of(const Pod& pod) const;
    [[nodiscard]] const std::vector<std::string>* preferred_of(const Pod& pod) const;
    [[nodiscard]] cni::Environment environment(const Pod& pod) const;
    [[nodiscard]] std::string plugin_path(const Pod& pod) const;
    [[nodiscard]] std::string input_of(const Pod& pod) const;

    Parts parts_;
    std::map<std::string, Pod> pods_;                           // by uid
    std::deque<std::string> queue_;                             // uids that wait for their turn
    std::size_t running_ = 0;                                   // programs
    std::size_t left_behind_ = 0;                               // of those, what recover() found
    std::map<std::string, std::vector<std::string>> preferred_; // addresses, by uid
    std::function<void()> all_removed_;
    netemu::EventLoop::TimerId removal_timer_ = 0;
};

/// Before the cluster sees the pods of a journal: in a lab with a conflist none has an address
/// until a plugin gives it one. What it had is remembered in an annotation.
void take_off_plugin_addresses(store::Store& store);

} // namespace labctl::supervisor
