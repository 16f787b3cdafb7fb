#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "labctl/store/background_sync.h"
#include "netemu/base/unique_fd.h"

namespace labctl::store {

/// A file of text records that are only ever appended: a header line, then one line per record,
/// which is the FNV-1a checksum of the text in eight hex digits, a space, and the text (no newline
/// in it).
///
/// What is not a whole line with the right checksum, and everything after it, was torn by a crash:
/// it is ignored and overwritten by the next append. Mode 0600. Errors: SysError with the path and
/// errno.
class JournalFile {
public:
    static constexpr int kVersion = 1;

    /// Opens `path`, or creates it with its directory's permission. Throws netemu::UsageError for a
    /// file of a newer version and netemu::Error for one that is no journal.
    explicit JournalFile(std::string path);

    /// The whole records of the file, oldest first. Sets the end of the file to the last whole
    /// record.
    std::vector<std::string> read();
    /// Bytes at the end of the file that `read` ignored.
    [[nodiscard]] std::uint64_t torn_bytes() const { return torn_; }

    /// Writes the records behind the last one: all of them, or, when the disk is full, none of them
    /// (the records before stay readable). They survive the end of this process at once, and a
    /// power failure once the kernel's sync, which is only asked for here, is done.
    void append(const std::vector<std::string>& records);
    /// Puts `records` in place of the file's contents: a new file beside it, synced, then renamed
    /// over it. On an error the old file is as it was.
    void replace(const std::vector<std::string>& records);
    /// Returns when all is on the disk.
    void sync();

    [[nodiscard]] std::uint64_t size() const { return end_; }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
    netemu::UniqueFd fd_;
    std::uint64_t end_ = 0; // where the next record goes
    std::uint64_t torn_ = 0;
    BackgroundSync background_;
};

/// One record as a line of the file.
std::string frame(std::string_view record);

} // namespace labctl::store
