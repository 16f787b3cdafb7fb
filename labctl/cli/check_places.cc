#include "labctl/cli/check_places.h"

namespace labctl::cli {

using api::Json;

namespace {

constexpr const char* kPlaces = "labctl.dev/check-places"; // {"file": ..., "at": [[line, column]]}
constexpr std::size_t kPlacesBytesMax = 128U << 10U;       // half of what annotations may have

Json noted_places(const Json& check) {
    const auto& annotations = api::at(check, "metadata.annotations");
    const auto found = annotations.is_object() ? annotations.find(kPlaces) : annotations.end();
    if (!annotations.is_object() || found == annotations.end() || !found->is_string()) {
        return {};
    }
    return Json::parse(found->get<std::string>(), nullptr, false); // somebody may have edited it
}

/// Text that is too long leaves none, and none of before either.
void annotate(Json& body, const std::string& text) {
    auto& annotations = body["metadata"]["annotations"];
    if (text.size() <= kPlacesBytesMax) {
        annotations[kPlaces] = text;
    } else if (annotations.is_object()) {
        annotations.erase(kPlaces);
    } else {
        body["metadata"].erase("annotations");
    }
}

} // namespace

void note_places(api::Object& check, std::span<const api::AssertionInput> entries) {
    Json places{{"file", check.source.file}, {"at", Json::array()}};
    for (const auto& entry : entries) {
        const bool here = entry.source.file == check.source.file;
        places["at"].push_back(here ? Json{entry.source.line, entry.source.column} : Json{0, 0});
    }
    const auto text = places.dump(-1, ' ', false, Json::error_handler_t::replace);
    annotate(check.body, text);
    // What is written is what is applied: places that are only in `body` would be those of the
    // first file for ever.
    if (auto written = Json::parse(check.written, nullptr, false); written.is_object()) {
        annotate(written, text);
        check.written = written.dump();
    }
}

void note_places(manifest::ReadResult& input) {
    for (auto& object : input.objects) {
        if (object.kind() != "Check") {
            continue;
        }
        std::vector<api::AssertionInput> own;
        for (const auto& entry : input.assertions) {
            if (entry.check_name == object.name() && entry.ns == object.ns()) {
                own.push_back(entry);
            }
        }
        note_places(object, own);
    }
}

check::SourceOf places_of(const Json& check) {
    return [places = noted_places(check)](std::size_t index) {
        api::Source source;
        const auto& at = api::at(places, "at");
        if (at.is_array() && index < at.size() && at[index].is_array() && at[index].size() == 2 &&
            at[index][0].is_number_integer() && at[index][1].is_number_integer()) {
            source.line = at[index][0].get<int>();
            source.column = at[index][1].get<int>();
        }
        source.file = source.line > 0 ? api::string_at(places, "file") : std::string();
        return source;
    };
}

} // namespace labctl::cli
