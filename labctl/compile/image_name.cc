#include "labctl/compile/image_name.h"

#include <algorithm>

namespace labctl::compile {

std::string image_name(std::string image) {
    image.resize(std::min(image.find('@'), image.size()));
    const auto tag = image.rfind(':');
    const auto slash = image.rfind('/');
    if (tag != std::string::npos && (slash == std::string::npos || tag > slash)) {
        image.resize(tag);
    }
    return image;
}

bool is_image(const std::string& image, std::string_view name) {
    const auto bare = image_name(image);
    return bare == name || bare.ends_with("/" + std::string(name));
}

} // namespace labctl::compile
