#pragma once

#include <string>
#include <string_view>

/// The syntax of names, as k8s.io/apimachinery/pkg/util/validation checks it and in its words. Each
/// function returns why the text is not acceptable, or nothing if it is.
namespace labctl::manifest {

std::string dns_label(std::string_view text);        // RFC 1123: containers, ports, namespaces
std::string dns_subdomain(std::string_view text);    // RFC 1123: most object names
std::string dns_service_name(std::string_view text); // RFC 1035: Services
std::string path_segment(std::string_view text);     // names that may hold anything but '/' and '%'
std::string qualified_name(std::string_view text);   // [prefix/]name: label keys, resource names
std::string label_value(std::string_view text);
std::string port_name(std::string_view text); // RFC 6335: IANA service names
std::string env_name(std::string_view text);
std::string config_key(std::string_view text); // keys of ConfigMaps and Secrets
std::string wildcard_subdomain(std::string_view text);

std::string trust_domain(std::string_view text); // SPIFFE-ID.md, section 2.1
std::string duration(std::string_view text);     // as netemu::parse_duration_us reads it

std::string object_reference(std::string_view text); // KIND/NAME or KIND/NAMESPACE/NAME

std::string ip_address(std::string_view text);
std::string cidr(std::string_view text);
std::string percent_or_number(std::string_view text); // the text form of maxSurge and its like

} // namespace labctl::manifest
