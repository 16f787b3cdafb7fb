/// Any bytes at all given as a JSONPath end as text or as a UsageError, soon, and what is printed
/// for a terminal cannot move its cursor. libFuzzer's entry point; replay.cc calls it with the
/// files of a corpus.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "labctl/report/json_path.h"
#include "netemu/base/error.h"

using namespace labctl; // NOLINT(google-build-using-namespace): a program of one page

namespace {

const api::Json& document() {
    static const api::Json kList = api::Json::parse(R"({"kind": "List", "items": [
        {"metadata": {"name": "web", "labels": {"app.kubernetes.io/name": "web", "a": "\u001b[2J"}},
         "status": {"phase": "Running", "podIP": "10.244.1.2", "n": 5, "f": 2.5, "none": null}},
        {"metadata": {"name": "db"}, "status": {"phase": "Pending", "ready": false, "list": []}},
        {"metadata": {}, "status": {"list": [[1, 2], {"a": {"b": [3]}}]}}]})");
    return kList;
}

/// The document has an escape, and the template's own text has only what its author wrote.
void check_safe(const std::string& shown, std::string_view text) {
    const bool own =
        text.find('\x1b') != std::string_view::npos || text.find('\\') != std::string_view::npos;
    if (!own && shown.find('\x1b') != std::string::npos) {
        std::cerr << "an escape of the document reaches the terminal\n";
        std::abort();
    }
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT: its name
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        const auto path = report::JsonPath::parse(text);
        check_safe(path.print(document(), true), text);
        (void)path.print_json(document());
    } catch (const netemu::UsageError&) { // NOLINT(bugprone-empty-catch): as it should be
    }
    try {
        (void)report::JsonPath::parse_path(text).values(document());
    } catch (const netemu::UsageError&) { // NOLINT(bugprone-empty-catch): as it should be
    }
    return 0;
}
