#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "labctl/api/object.h"
#include "labctl/store/store.h"

namespace labctl::store {

class JournalFile;

/// What lasts of a lab: enough that `up` brings it back with the same pods, names, uids and
/// addresses after its supervisor was killed or the host was restarted.
///
/// Every kind is in it except Event, users' objects and controllers' alike. A status is left out,
/// since controllers and the running lab make it anew, but for these: a Pod's node and pod
/// addresses, start time and final phase; the status of Jobs and Services (their addresses at the
/// load balancer); the status of kinds that nothing acts on.
///
/// Changes are collected as the store emits them and written by `flush`, which the supervisor calls
/// before it answers a request: from then on they survive the end of the process. The sync to the
/// disk follows in the background (see BackgroundSync), so a power failure loses at most the last
/// moment, never the whole. The file is written anew, synced and renamed when it holds twice as
/// many records as there are objects.
///
/// Belongs to the supervisor's loop, as the store does.
class Journal {
public:
    /// Opens or creates the file. Throws SysError, or netemu::UsageError for a newer format.
    static Journal open(const std::string& path);
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;
    Journal(Journal&&) noexcept;
    Journal& operator=(Journal&&) noexcept;
    ~Journal(); // does not flush: it cannot report an error

    /// The objects as they were last recorded, in the order in which they first came. Put them into
    /// the store before `follow`.
    [[nodiscard]] std::vector<api::Object> load();
    /// Bytes of a torn tail that `load` ignored; 0 after an orderly end.
    [[nodiscard]] std::uint64_t torn_bytes() const;

    /// Records every change of `store` from now on. `flush` reads the store, so it must still live
    /// then; which of the two ends first does not matter.
    void follow(Store& store);
    /// Writes what was recorded. On SysError (a full disk) the file is as before and the changes
    /// stay recorded: the next flush tries again.
    void flush();
    [[nodiscard]] bool pending() const { return !pending_->empty(); }
    /// Flushes and returns when all is on the disk.
    void sync();

    [[nodiscard]] const std::string& path() const;
    [[nodiscard]] std::uint64_t size() const;
    /// Removes a lab's journal. No effect if there is none.
    static void remove_file(const std::string& path);

    /// Files up to this size are not compacted. Bytes.
    static constexpr std::uint64_t kCompactionFloor = 256U << 10U;

private:
    explicit Journal(const std::string& path);
    [[nodiscard]] std::size_t live_objects() const;
    void compact();

    std::unique_ptr<JournalFile> file_;
    std::shared_ptr<std::set<api::ObjectKey>>
        pending_; // the store's watcher looks at it while it lives
    Store* store_ = nullptr;
    std::size_t records_ = 0; // in the file
};

} // namespace labctl::store
