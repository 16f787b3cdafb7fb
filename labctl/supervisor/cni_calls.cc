#include "labctl/supervisor/cni_calls.h"

#include <algorithm>

namespace labctl::supervisor {

using api::Json;

namespace {

/// JSON as JSON, anything else as text.
Json document(const std::string& text) {
    auto json = Json::parse(text, nullptr, false);
    return json.is_discarded() ? Json(text) : json;
}

} // namespace

void CniCalls::add(CniCall call) {
    for (auto* text : {&call.input, &call.output, &call.errors}) {
        text->resize(std::min(text->size(), kTextBytesMax));
    }
    calls_.push_back(std::move(call));
    if (calls_.size() > kCallsMax) {
        calls_.pop_front();
    }
}

Json CniCalls::of(const std::string& pod) const {
    Json list = Json::array();
    for (const auto& call : calls_) {
        if (call.pod != pod) {
            continue;
        }
        list.push_back(
            {{"time", call.time},
             {"node", call.node},
             {"plugin", call.plugin},
             {"environment", call.environment},
             {"input", document(call.input)},
             {"output", document(call.output)},
             {"errors", call.errors},
             {"status", call.status},
             {"micros", call.micros}});
    }
    return list;
}

} // namespace labctl::supervisor
