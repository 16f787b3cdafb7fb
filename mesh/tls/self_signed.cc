#include "mesh/tls/certificate.h"
#include "mesh/tls/issue.h"
#include "netemu/base/error.h"

namespace mesh {
namespace {

using namespace std::chrono_literals;

constexpr auto kBackdated = 1h; // for peers whose clock is slow
constexpr std::size_t kCommonNameMax = 64;

} // namespace

std::shared_ptr<const TlsIdentity> TlsIdentity::make_self_signed(
    const std::string& common_name,
    const std::vector<std::string>& names,
    std::chrono::seconds lifetime) {
    if (common_name.empty() || common_name.size() > kCommonNameMax) {
        throw netemu::Error(
            "make a certificate: the common name \"" + common_name + "\" has " +
            std::to_string(common_name.size()) + " characters; it needs 1 to " +
            std::to_string(kCommonNameMax));
    }
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    detail::CertificateDraft draft;
    draft.common_name = common_name;
    draft.names = names;
    draft.not_before = now - kBackdated;
    draft.not_after = now + lifetime;
    return detail::make_self_signed(draft);
}

} // namespace mesh
