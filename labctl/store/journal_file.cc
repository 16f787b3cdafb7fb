#include "labctl/store/journal_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::store {

namespace {

constexpr std::string_view kMagic = "labctl-journal ";
constexpr std::size_t kChecksumBytes = 8;

std::string header() {
    return std::string(kMagic) + std::to_string(JournalFile::kVersion) + "\n";
}

void write_all(int fd, std::string_view data, std::uint64_t offset, const std::string& path) {
    while (!data.empty()) {
        const auto written = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            throw netemu::SysError("write the journal " + path, written < 0 ? errno : ENOSPC);
        }
        data.remove_prefix(static_cast<std::size_t>(written));
        offset += static_cast<std::uint64_t>(written);
    }
}

/// The file's bytes, at most `limit`; none of what is no regular file.
std::string read_all(int fd, const std::string& path, std::size_t limit = SIZE_MAX) {
    struct stat info {};
    netemu::check_syscall("look at the journal " + path, ::fstat(fd, &info));
    if (!S_ISREG(info.st_mode)) {
        return {};
    }
    std::string data(std::min(static_cast<std::size_t>(info.st_size), limit), '\0');
    std::size_t filled = 0;
    while (filled < data.size()) {
        const auto got =
            ::pread(fd, data.data() + filled, data.size() - filled, static_cast<off_t>(filled));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            throw netemu::SysError("read the journal " + path, errno);
        }
        if (got == 0) {
            break;
        }
        filled += static_cast<std::size_t>(got);
    }
    data.resize(filled);
    return data;
}

/// Where the records start; 0 when the file is new or its header was torn.
std::size_t check_header(std::string_view data, const std::string& path) {
    const auto line = data.substr(0, data.find('\n'));
    if (line.size() == data.size() && header().starts_with(line)) {
        return 0;
    }
    if (!line.starts_with(kMagic) || line.size() == data.size()) {
        throw netemu::Error(
            path + " is not a journal of labctl", "move the file away if nothing needs it");
    }
    const auto number = line.substr(kMagic.size());
    int version = 0;
    std::from_chars(number.data(), number.data() + number.size(), version);
    if (version > JournalFile::kVersion) {
        throw netemu::UsageError(
            path + " was written by a newer labctl: journal format " + std::string(number) +
                ", this one reads " + std::to_string(JournalFile::kVersion),
            "use the newer labctl, or start the lab under another name");
    }
    if (version < 1) {
        throw netemu::Error(path + " is not a journal of labctl: bad version in its first line");
    }
    return line.size() + 1;
}

std::optional<std::string_view> unframe(std::string_view line) {
    if (line.size() < kChecksumBytes + 1 || line[kChecksumBytes] != ' ') {
        return std::nullopt;
    }
    std::uint32_t checksum = 0;
    const auto* end = line.data() + kChecksumBytes;
    const auto parsed = std::from_chars(line.data(), end, checksum, 16);
    const auto record = line.substr(kChecksumBytes + 1);
    if (parsed.ec != std::errc{} || parsed.ptr != end || netemu::fnv1a(record) != checksum) {
        return std::nullopt;
    }
    return record;
}

netemu::UniqueFd open_file(const std::string& path, int flags) {
    return netemu::UniqueFd(netemu::check_syscall(
        "open the journal " + path, ::open(path.c_str(), O_RDWR | O_CLOEXEC | flags, 0600)));
}

void sync_directory(const std::string& path) {
    const auto slash = path.rfind('/');
    const auto directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const netemu::UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd) {
        ::fsync(fd.get()); // best effort: some file systems cannot sync a directory
    }
}

} // namespace

std::string frame(std::string_view record) {
    std::array<char, kChecksumBytes + 2> checksum{};
    std::snprintf(checksum.data(), checksum.size(), "%08x ", netemu::fnv1a(record));
    std::string line(checksum.data(), kChecksumBytes + 1);
    line += record;
    line += '\n';
    return line;
}

JournalFile::JournalFile(std::string path)
    : path_(std::move(path)), fd_(open_file(path_, O_CREAT)), background_(path_) {
    const auto start = read_all(fd_.get(), path_, header().size() + 16);
    end_ = check_header(start, path_);
    if (end_ == 0) {
        write_all(fd_.get(), header(), 0, path_);
        end_ = header().size();
        return;
    }
    end_ = static_cast<std::uint64_t>(::lseek(fd_.get(), 0, SEEK_END));
}

std::vector<std::string> JournalFile::read() {
    const auto data = read_all(fd_.get(), path_);
    std::vector<std::string> records;
    auto position = check_header(data, path_);
    for (;;) {
        const auto newline = data.find('\n', position);
        if (newline == std::string::npos) {
            break;
        }
        const auto record = unframe(std::string_view(data).substr(position, newline - position));
        if (!record) {
            break;
        }
        records.emplace_back(*record);
        position = newline + 1;
    }
    torn_ = data.size() - position;
    end_ = position;
    return records;
}

void JournalFile::append(const std::vector<std::string>& records) {
    std::string text;
    for (const auto& record : records) {
        text += frame(record);
    }
    try {
        write_all(fd_.get(), text, end_, path_);
    } catch (const netemu::SysError&) {
        // What did get written is behind end_: cut it off now, and overwrite it if even that fails.
        static_cast<void>(::ftruncate(fd_.get(), static_cast<off_t>(end_)) == 0);
        throw;
    }
    end_ += text.size();
    background_.request(fd_.get());
}

void JournalFile::replace(const std::vector<std::string>& records) {
    const auto beside = path_ + ".new";
    auto text = header();
    for (const auto& record : records) {
        text += frame(record);
    }
    auto fd = open_file(beside, O_CREAT | O_TRUNC);
    try {
        write_all(fd.get(), text, 0, beside);
        background_.wait(fd.get());
        netemu::check_syscall(
            "rename " + beside + " to " + path_, ::rename(beside.c_str(), path_.c_str()));
    } catch (const netemu::Error&) {
        ::unlink(beside.c_str());
        throw;
    }
    sync_directory(path_);
    fd_ = std::move(fd);
    end_ = text.size();
    torn_ = 0;
}

void JournalFile::sync() {
    background_.wait(fd_.get());
}

} // namespace labctl::store
