#include "labctl/cli/taps.h"

#include <algorithm>

#include "netemu/base/error.h"

namespace labctl::cli {

LabTaps open_lab_taps(Client& client, const nlohmann::json& question) {
    const auto answer = client.request("POST", "/apis/labctl.dev/v1/taps", question);
    auto sockets = client.take_fds();
    const auto& places = answer.at("places");
    if (sockets.size() != places.size()) {
        throw netemu::Error("the lab sent another number of sockets than places");
    }
    LabTaps taps;
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        netemu::CapturePlace place;
        place.name = places[i].at("name");
        place.description = places[i].at("description");
        place.link_type = places[i].at("linkType");
        place.mac = netemu::MacAddress::parse(places[i].at("mac").get<std::string>());
        place.snap_bytes = question.value("snapBytes", place.snap_bytes);
        taps.place_width = std::max(taps.place_width, place.name.size());
        taps.set.add(std::move(sockets[i]), places[i].at("ringBytes"), std::move(place));
    }
    if (const auto names = answer.find("names"); names != answer.end()) {
        taps.names = names->get<AddressNames>();
    }
    return taps;
}

} // namespace labctl::cli
