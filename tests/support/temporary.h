#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <system_error>
#include <unistd.h>

namespace netemu::test {

/// A file of its own with this content, for a program that reads files; gone with the object. Not a
/// fixed name: the tests run as several users.
class TemporaryFile {
public:
    explicit TemporaryFile(std::string_view content) {
        const int fd = ::mkstemp(path_.data());
        if (fd < 0) {
            throw std::runtime_error("cannot make " + path_);
        }
        ::close(fd);
        std::ofstream(path_) << content;
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() { ::unlink(path_.c_str()); }

    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_ = "/tmp/labctl-test.XXXXXX";
};

/// A directory of its own, gone with the object and with everything in it.
class TemporaryDirectory {
public:
    TemporaryDirectory() {
        if (::mkdtemp(path_.data()) == nullptr) {
            throw std::runtime_error("cannot make " + path_);
        }
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_ = "/tmp/labctl-test.XXXXXX";
};

/// Where a journal may be in a directory of its own.
struct TemporaryJournal : TemporaryDirectory {
    [[nodiscard]] std::string file() const { return path() + "/lab.journal"; }
};

} // namespace netemu::test
