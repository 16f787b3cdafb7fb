/// Calls a fuzz target with every file of the folders that are given: the corpus as a unit test,
/// with any compiler. Exit 2 when there is nothing to replay.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

/// The reader's promise for hostile input, with room for a sanitizer.
constexpr auto kOneInputMax = std::chrono::seconds(5);

bool replay(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const auto start = std::chrono::steady_clock::now();
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    const bool soon = std::chrono::steady_clock::now() - start < kOneInputMax;
    if (!soon) {
        std::cerr << path.string() << " takes too long\n";
    }
    return soon;
}

} // namespace

int main(int argc, char** argv) {
    std::size_t count = 0;
    bool good = true;
    for (int i = 1; i < argc; ++i) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
            if (entry.is_regular_file()) {
                good = replay(entry.path()) && good;
                ++count;
            }
        }
    }
    std::cout << count << " inputs replayed\n";
    return count == 0 ? 2 : good ? 0 : 1;
}
