#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "labctl/dataplane/channel.h"
#include "labctl/dataplane/client.h"
#include "labctl/dataplane/drop_notice.h"
#include "labctl/dataplane/spec.h"
#include "labctl/dataplane/wire.h"
#include "labctl/probe/aggregate.h"

namespace labctl::dataplane {

/// The supervisor's side of probes: makes their sockets on demand, at most kProbesInFlightMax at a
/// time, hands them to the child in batches, and turns its samples into results.
class ProbeRunner {
public:
    /// Jobs are numbered from `first_id`. The numbers are in ICMP headers, so two runners whose
    /// probes share namespaces need ranges of their own.
    ProbeRunner(
        netemu::EventLoop& loop,
        SocketFactory open_socket,
        bool identity,
        std::uint32_t first_id = 1,
        DataPlane::DropDescriber describe_drop = {});
    ~ProbeRunner();
    ProbeRunner(const ProbeRunner&) = delete;
    ProbeRunner& operator=(const ProbeRunner&) = delete;

    /// The channel to the child that runs now, or nullptr. What the last child had under way is
    /// sent again.
    void set_channel(Channel* channel);

    /// The probes of the list `list`, a number that the caller chooses.
    void
    run(std::uint64_t list,
        std::vector<ResolvedRequest> requests,
        bool sequential,
        DataPlane::ProbeCallback done);
    /// Ends what is under way of that list and forgets the rest, without a word to its `done`.
    void stop(std::uint64_t list);

    /// Tells the child of them, as long as it has probes under way.
    void dropped(const std::vector<DropNotice>& notices);

    /// Takes the fields of a record of the child. Throws netemu::Error if they make no sense.
    void sample(WireReader& record);
    void job_done(WireReader& record);
    /// Starts what can be started. Call when a message of the child has been read to its end.
    void pump();

private:
    struct Template {
        std::uint32_t id = 0;
        std::string record; // behind the id
        std::string payload;
        std::string ca;               // PEM, or empty
        std::uint64_t generation = 0; // of the child that knows it
    };
    struct Run;
    struct NameLookup;
    struct Item {
        Item(Run& owner, ResolvedRequest wanted);
        void set_remote();

        Run& run;
        ResolvedRequest request;
        probe::Aggregator aggregator;
        std::string remote; // "ADDRESS:PORT"
        std::shared_ptr<Template> what;
        std::uint32_t unassigned;    // exchanges that no job has yet
        std::uint32_t jobs = 0;      // under way
        std::uint32_t losses = 0;    // children that ended with a job of it
        std::uint64_t lost_with = 0; // the generation of the last of them
        bool queued = false;
        NameLookup* name = nullptr; // whose look-up it is: no probe of the list, then
    };
    /// The look-up of a name, before the probes that wait for its address.
    struct NameLookup {
        std::unique_ptr<Item> item;
        std::vector<Item*> waiting;
        std::optional<probe::Sample> answer;
    };
    struct Run {
        std::uint64_t list = 0;
        std::vector<std::unique_ptr<Item>> items;
        std::vector<Item*> order; // grouped by namespace, unless sequential
        std::unordered_map<std::string, std::shared_ptr<Template>> templates;
        std::unordered_map<std::string, std::unique_ptr<NameLookup>> names;
        DataPlane::ProbeCallback done;
        bool sequential = false;
        std::size_t next = 0;   // of `order`, if sequential
        bool busy = false;      // sequential: an item is under way
        bool advancing = false; // sequential: `next_in_sequence` is on the stack
        std::size_t unfinished = 0;
        std::size_t jobs = 0; // under way
        bool stopped = false;
    };
    struct Job {
        Item* item = nullptr;
        std::uint32_t unsampled = 0;
    };

    void prepare(Item& item);
    void find_address(Item& item);
    void name_answered(NameLookup& name);
    void address_found(Item& item, const probe::Sample& answer);
    std::shared_ptr<Template> template_of(Run& run, const ResolvedRequest& resolved);
    void enqueue(Item& item);
    [[nodiscard]] static bool can_start(const Item& item);
    void start_job(Item& item);
    void send_template(Template& what);
    /// A text that may be longer than a message.
    void send_pieces(Op op, std::uint32_t id, std::string_view text);
    void send_batch();
    void give_back(Job job);
    void add_sample(Item& item, probe::Sample sample);
    void check_finished(Item& item);
    void next_in_sequence(Run& run);
    void finish(Run& run);
    void finish_stopped(Run& run);

    netemu::EventLoop& loop_;
    SocketFactory open_socket_;
    bool identity_;
    DataPlane::DropDescriber describe_drop_;
    Channel* channel_ = nullptr;
    std::uint64_t generation_ = 0;
    std::list<std::unique_ptr<Run>> runs_;
    std::deque<Item*> ready_;
    std::unordered_map<std::uint32_t, Job> jobs_;
    std::uint32_t next_id_;
    WireWriter batch_;
    std::vector<netemu::UniqueFd> batch_fds_;
    bool pumping_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace labctl::dataplane
