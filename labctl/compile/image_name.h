#pragma once

#include <string>
#include <string_view>

namespace labctl::compile {

/// An image reference without tag and digest: "registry.k8s.io/coredns/coredns" of
/// "registry.k8s.io/coredns/coredns:v1.12.0@sha256:...". A port of the registry stays.
[[nodiscard]] std::string image_name(std::string image);

/// Whether the image is `name` ("coredns/coredns"), of whatever registry, tag and digest.
[[nodiscard]] bool is_image(const std::string& image, std::string_view name);

} // namespace labctl::compile
