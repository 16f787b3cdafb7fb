#include "labctl/learn/variant.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "labctl/learn/shuffler.h"
#include "labctl/manifest/front_matter.h"
#include "netemu/base/error.h"
#include "netemu/base/text.h"

namespace labctl::learn {

namespace fs = std::filesystem;

namespace {

/// What a variant is made of is small; more than this is no exercise.
constexpr std::uintmax_t kVariantFileBytesMax = std::uintmax_t{4} << 20;
constexpr std::size_t kVariantFilesMax = 1000;

std::string value_text(const api::Json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
}

bool is_text_file(const fs::path& file) {
    constexpr std::array<std::string_view, 4> kEndings{".md", ".yaml", ".yml", ".json"};
    return std::ranges::find(kEndings, file.extension().string()) != kEndings.end();
}

std::string read_file(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in) {
        throw netemu::SysError("read " + file.string(), errno);
    }
    return text.str();
}

std::string make_folder() {
    auto path = (fs::temp_directory_path() / "labctl-variant.XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) {
        throw netemu::SysError("create the directory " + path, errno);
    }
    return path;
}

void copy_variant(
    const fs::path& from, const fs::path& to, const std::map<std::string, std::string>& values) {
    std::size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(from)) {
        const auto target = to / fs::relative(entry.path(), from);
        if (entry.is_symlink()) {
            continue;
        }
        if (entry.is_directory()) {
            fs::create_directories(target);
            continue;
        }
        if (!entry.is_regular_file() || !is_text_file(entry.path())) {
            continue;
        }
        if (++files > kVariantFilesMax || entry.file_size() > kVariantFileBytesMax) {
            throw netemu::UsageError(
                "'" + from.string() + "' is too large to be an exercise",
                "at most 1,000 files of 4 MiB");
        }
        std::ofstream out(target, std::ios::binary);
        out << substitute(read_file(entry.path()), values) << std::flush;
        if (!out) {
            throw netemu::SysError("write " + target.string(), errno);
        }
    }
}

} // namespace

std::map<std::string, std::string> choose_values(const api::Json& variables, std::uint64_t seed) {
    std::map<std::string, std::string> values;
    if (!variables.is_object()) {
        return values;
    }
    for (const auto& [name, list] : variables.items()) {
        Shuffler shuffler(seed, netemu::fnv1a(name)); // so that one does not decide another
        values[name] = value_text(list.at(seed == 0 ? 0 : shuffler.below(list.size())));
    }
    return values;
}

std::string substitute(const std::string& text, const std::map<std::string, std::string>& values) {
    std::string result;
    std::size_t at = 0;
    for (;;) {
        const auto open = text.find("${", at);
        const auto close = open == std::string::npos ? open : text.find('}', open);
        if (close == std::string::npos) {
            return result + text.substr(at);
        }
        const auto value = values.find(text.substr(open + 2, close - open - 2));
        // An unknown one may hold a known one: go on right behind its "${".
        const auto end = value == values.end() ? open + 2 : close + 1;
        result += value == values.end() ? text.substr(at, end - at)
                                        : text.substr(at, open - at) + value->second;
        at = end;
    }
}

Variant::Variant(const std::string& directory, const std::string& file, std::uint64_t seed)
    : directory_(directory) {
    const auto kind =
        file == "quiz.md" ? manifest::FrontMatterKind::Quiz : manifest::FrontMatterKind::Challenge;
    const auto front = manifest::read_front_matter(directory + "/" + file, kind);
    auto values = choose_values(api::at(front.head.body, "variables"), seed);
    if (values.empty()) {
        return;
    }
    const auto copy = make_folder();
    try {
        copy_variant(directory, copy, values);
    } catch (const fs::filesystem_error& error) {
        fs::remove_all(copy);
        throw netemu::Error("copy " + directory + ": " + error.what());
    } catch (...) {
        fs::remove_all(copy);
        throw;
    }
    directory_ = copy;
    values_ = std::move(values);
}

Variant::~Variant() {
    if (varies()) {
        std::error_code ignored;
        fs::remove_all(directory_, ignored);
    }
}

} // namespace labctl::learn
