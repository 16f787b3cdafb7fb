/// Any bytes at all given to the manifest reader end as objects or as a ManifestError, soon, and
/// what was read reads again as the same. libFuzzer's entry point; replay.cc calls it with the
/// files of a corpus.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "labctl/manifest/read.h"
#include "netemu/base/error.h"

using namespace labctl; // NOLINT(google-build-using-namespace): a program of one page

namespace {

/// Defaults that are filled in once are filled in for good.
void check_stable(const api::Object& object) {
    api::Object again = object;
    manifest::complete_object(again);
    if (again.body != object.body) {
        std::cerr << "completed twice, an object differs:\n"
                  << object.body.dump() << "\n"
                  << again.body.dump() << "\n";
        std::abort();
    }
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT: its name
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        for (const auto& object : manifest::read_text(text, "fuzz.yaml").objects) {
            check_stable(object);
        }
    } catch (const netemu::Error& error) {
        if (error.exit_code() != netemu::ExitCode::Usage) {
            std::cerr << "not the input's fault: " << error.what() << "\n";
            std::abort();
        }
    }
    return 0;
}
