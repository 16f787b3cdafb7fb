#include "labctl/manifest/inputs.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "labctl/manifest/compose.h"
#include "labctl/manifest/substitute.h"
#include "netemu/base/error.h"
#include "netemu/base/limits.h"
#include "netemu/base/unique_fd.h"

namespace labctl::manifest {

namespace {

namespace fs = std::filesystem;

class Inputs {
public:
    Inputs(const ReadOptions& options, Findings& findings)
        : options_(options), findings_(findings) {}

    /// The files that an input means.
    std::vector<std::string> expand(const std::string& input) {
        std::error_code error;
        if (input == "-" || !fs::is_directory(input, error)) {
            return {input};
        }
        auto files = manifest_files(input, options_.recursive);
        if (files.empty()) {
            fail(
                input,
                "the directory holds no *.yaml, *.yml or *.json file",
                options_.recursive ? "" : "sub-directories are entered with -R");
        }
        return files;
    }

    /// False when there is nothing (more) to read: an error, or a file that was read before.
    bool read(const std::string& file, std::string& text) {
        if (!seen_.insert(identity(file)).second) {
            return false;
        }
        netemu::UniqueFd opened;
        if (file != "-") {
            const int careful = options_.own_files_only ? O_NOFOLLOW | O_NONBLOCK : 0;
            opened.reset(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | careful));
            if (opened && options_.own_files_only && !is_regular(opened.get())) {
                fail(file, "is no regular file", {});
                return false;
            }
            if (!opened && errno == ELOOP && options_.own_files_only) {
                fail(file, "is a link, which is not followed here", {});
                return false;
            }
            if (!opened) {
                fail(file, compose({"cannot be read: ", netemu::errno_text(errno)}), {});
                return false;
            }
        }
        return read_all(file, file == "-" ? options_.stdin_fd : opened.get(), text);
    }

private:
    static std::string identity(const std::string& file) {
        std::error_code error;
        const auto canonical = file == "-" ? fs::path(file) : fs::canonical(file, error);
        return error ? file : canonical.string();
    }

    static bool is_regular(int fd) {
        struct stat status {};
        return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    }

    bool read_all(const std::string& file, int fd, std::string& text) {
        constexpr std::size_t kBlock = 1U << 16U;
        struct stat status {};
        const bool sized =
            ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
        text.clear();
        std::size_t size = 0;
        for (;;) {
            const auto block =
                sized && size == 0 ? static_cast<std::size_t>(status.st_size) + 1 : kBlock;
            text.resize(size + std::min(block, left_ + 1 - size));
            const auto got = ::read(fd, text.data() + size, text.size() - size);
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got < 0) {
                fail(file, compose({"cannot be read: ", netemu::errno_text(errno)}), {});
                return false;
            }
            size += static_cast<std::size_t>(got);
            if (got == 0 || size > left_) {
                break;
            }
        }
        if (size > left_) {
            fail(
                file,
                compose(
                    {"the input is larger than ",
                     std::to_string(netemu::limits::kInputBytesMax >> 20U),
                     " MiB"}),
                {});
            return false;
        }
        text.resize(size);
        left_ -= size;
        return true;
    }

    void fail(const std::string& file, std::string message, std::string hint) {
        findings_.add({Severity::Error, {file, 0, 0}, std::move(message), std::move(hint), {}});
    }

    const ReadOptions& options_;
    Findings& findings_;
    std::set<std::string> seen_;
    std::size_t left_ = netemu::limits::kInputBytesMax;
};

} // namespace

bool is_manifest_name(std::string_view name) {
    return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

std::vector<std::string> manifest_files(const std::string& directory, bool recursive) {
    std::vector<std::string> files;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error)) {
        const auto name = entry.path().filename().string();
        if (entry.is_directory(error)) {
            if (recursive && !name.starts_with('.') && !entry.is_symlink(error)) { // links may loop
                const auto inner = manifest_files(entry.path().string(), true);
                files.insert(files.end(), inner.begin(), inner.end());
            }
        } else if (is_manifest_name(name)) {
            files.push_back(entry.path().string());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

void for_each_input(
    std::span<const std::string> inputs,
    const ReadOptions& options,
    Findings& findings,
    const std::function<bool(const std::string& name, std::string_view text)>& visit) {
    Inputs reader(options, findings);
    std::string text;
    for (const auto& input : inputs) {
        for (const auto& file : reader.expand(input)) {
            if (!reader.read(file, text)) {
                continue;
            }
            if (!options.variables.empty()) {
                text = substitute(text, options.variables);
            }
            if (!visit(file, text)) {
                return;
            }
        }
    }
}

} // namespace labctl::manifest
