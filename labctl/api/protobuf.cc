#include "labctl/api/protobuf.h"

#include <algorithm>
#include <array>

#include "labctl/api/status_error.h"
#include "netemu/base/base64.h"

/// Field numbers are those of the generated.proto files of k8s.io/api and k8s.io/apimachinery 1.32.
namespace labctl::api {

namespace {

constexpr std::string_view kMagic("k8s\0", 4);

enum class Form {
    Text,
    Number,         // zero is nothing
    OptionalNumber, // zero is zero
    Flag,
    Message,
    Inline,  // a message whose fields JSON has in its parent
    TextMap, // map<string, string>
    ByteMap, // map<string, bytes>
    IntOrString,
    Ignored, // times that the server sets, and status
};

struct FieldRule;

/// The fields of a message that are known here.
struct FieldRules {
    const FieldRule* first = nullptr;
    std::size_t count = 0;
    constexpr FieldRules() = default;
    template <std::size_t N>
    // NOLINTNEXTLINE(google-explicit-constructor): tables name each other
    constexpr FieldRules(const std::array<FieldRule, N>& rules) : first(rules.data()), count(N) {}
    [[nodiscard]] const FieldRule* find(unsigned number) const;
};

struct FieldRule {
    unsigned number;
    const char* name;
    Form form;
    FieldRules fields = {};
    bool list = false;
};

const FieldRule* FieldRules::find(unsigned number) const {
    const auto* const end = first + count;
    const auto* const found =
        std::find_if(first, end, [&](const FieldRule& rule) { return rule.number == number; });
    return found == end ? nullptr : found;
}

constexpr std::array kObjectMeta{
    FieldRule{1, "name", Form::Text},
    FieldRule{2, "generateName", Form::Text},
    FieldRule{3, "namespace", Form::Text},
    FieldRule{8, "creationTimestamp", Form::Ignored},
    FieldRule{11, "labels", Form::TextMap},
    FieldRule{12, "annotations", Form::TextMap}};

constexpr std::array kNamespaceSpec{FieldRule{1, "finalizers", Form::Text, {}, true}};
constexpr std::array kNamespace{
    FieldRule{1, "metadata", Form::Message, kObjectMeta},
    FieldRule{2, "spec", Form::Message, kNamespaceSpec},
    FieldRule{3, "status", Form::Ignored}};

constexpr std::array kConfigMap{
    FieldRule{1, "metadata", Form::Message, kObjectMeta},
    FieldRule{2, "data", Form::TextMap},
    FieldRule{3, "binaryData", Form::ByteMap},
    FieldRule{4, "immutable", Form::Flag}};

constexpr std::array kSecret{
    FieldRule{1, "metadata", Form::Message, kObjectMeta},
    FieldRule{2, "data", Form::ByteMap},
    FieldRule{3, "type", Form::Text},
    FieldRule{4, "stringData", Form::TextMap},
    FieldRule{5, "immutable", Form::Flag}};

constexpr std::array kServiceAccount{
    FieldRule{1, "metadata", Form::Message, kObjectMeta},
    FieldRule{4, "automountServiceAccountToken", Form::Flag}};

constexpr std::array kServicePort{
    FieldRule{1, "name", Form::Text},
    FieldRule{2, "protocol", Form::Text},
    FieldRule{3, "port", Form::Number},
    FieldRule{4, "targetPort", Form::IntOrString},
    FieldRule{5, "nodePort", Form::Number},
    FieldRule{6, "appProtocol", Form::Text}};
constexpr std::array kServiceSpec{
    FieldRule{1, "ports", Form::Message, kServicePort, true},
    FieldRule{2, "selector", Form::TextMap},
    FieldRule{3, "clusterIP", Form::Text},
    FieldRule{4, "type", Form::Text},
    FieldRule{5, "externalIPs", Form::Text, {}, true},
    FieldRule{7, "sessionAffinity", Form::Text},
    FieldRule{8, "loadBalancerIP", Form::Text},
    FieldRule{9, "loadBalancerSourceRanges", Form::Text, {}, true},
    FieldRule{10, "externalName", Form::Text},
    FieldRule{11, "externalTrafficPolicy", Form::Text},
    FieldRule{13, "publishNotReadyAddresses", Form::Flag},
    FieldRule{17, "ipFamilyPolicy", Form::Text},
    FieldRule{18, "clusterIPs", Form::Text, {}, true},
    FieldRule{19, "ipFamilies", Form::Text, {}, true},
    FieldRule{22, "internalTrafficPolicy", Form::Text}};
constexpr std::array kService{
    FieldRule{1, "metadata", Form::Message, kObjectMeta},
    FieldRule{2, "spec", Form::Message, kServiceSpec},
    FieldRule{3, "status", Form::Ignored}};

constexpr std::array kContainerPort{
    FieldRule{1, "name", Form::Text},
    FieldRule{2, "hostPort", Form::Number},
    FieldRule{3, "containerPort", Form::Number},
    FieldRule{4, "protocol", Form::Text},
    FieldRule{5, "hostIP", Form::Text}};
constexpr std::array kEnvVar{FieldRule{1, "name", Form::Text}, FieldRule{2, "value", Form::Text}};
constexpr std::array<FieldRule, 0> kEmpty{};
constexpr std::array kContainer{
    FieldRule{1, "name", Form::Text},
    FieldRule{2, "image", Form::Text},
    FieldRule{3, "command", Form::Text, {}, true},
    FieldRule{4, "args", Form::Text, {}, true},
    FieldRule{5, "workingDir", Form::Text},
    FieldRule{6, "ports", Form::Message, kContainerPort, true},
    FieldRule{7, "env", Form::Message, kEnvVar, true},
    FieldRule{8, "resources", Form::Message, kEmpty},
    FieldRule{13, "terminationMessagePath", Form::Text},
    FieldRule{14, "imagePullPolicy", Form::Text},
    FieldRule{16, "stdin", Form::Flag},
    FieldRule{18, "tty", Form::Flag},
    FieldRule{20, "terminationMessagePolicy", Form::Text}};
constexpr std::array kPodSpec{
    FieldRule{2, "containers", Form::Message, kContainer, true},
    FieldRule{3, "restartPolicy", Form::Text},
    FieldRule{4, "terminationGracePeriodSeconds", Form::OptionalNumber},
    FieldRule{6, "dnsPolicy", Form::Text},
    FieldRule{7, "nodeSelector", Form::TextMap},
    FieldRule{8, "serviceAccountName", Form::Text},
    FieldRule{9, "serviceAccount", Form::Text},
    FieldRule{10, "nodeName", Form::Text},
    FieldRule{11, "hostNetwork", Form::Flag},
    FieldRule{14, "securityContext", Form::Message, kEmpty},
    FieldRule{16, "hostname", Form::Text},
    FieldRule{17, "subdomain", Form::Text},
    FieldRule{19, "schedulerName", Form::Text}};
constexpr std::array kPodTemplate{
    FieldRule{1, "metadata", Form::Message, kObjectMeta},
    FieldRule{2, "spec", Form::Message, kPodSpec}};
constexpr std::array kPod{
    FieldRule{1, "metadata", Form::Message, kObjectMeta},
    FieldRule{2, "spec", Form::Message, kPodSpec},
    FieldRule{3, "status", Form::Ignored}};

constexpr std::array kRequirement{
    FieldRule{1, "key", Form::Text},
    FieldRule{2, "operator", Form::Text},
    FieldRule{3, "values", Form::Text, {}, true}};
constexpr std::array kLabelSelector{
    FieldRule{1, "matchLabels", Form::TextMap},
    FieldRule{2, "matchExpressions", Form::Message, kRequirement, true}};
constexpr std::array kRollingUpdate{
    FieldRule{1, "maxUnavailable", Form::IntOrString}, FieldRule{2, "maxSurge", Form::IntOrString}};
constexpr std::array kStrategy{
    FieldRule{1, "type", Form::Text}, FieldRule{2, "rollingUpdate", Form::Message, kRollingUpdate}};
constexpr std::array kDeploymentSpec{
    FieldRule{1, "replicas", Form::OptionalNumber},
    FieldRule{2, "selector", Form::Message, kLabelSelector},
    FieldRule{3, "template", Form::Message, kPodTemplate},
    FieldRule{4, "strategy", Form::Message, kStrategy},
    FieldRule{5, "minReadySeconds", Form::Number},
    FieldRule{6, "revisionHistoryLimit", Form::OptionalNumber},
    FieldRule{7, "paused", Form::Flag},
    FieldRule{9, "progressDeadlineSeconds", Form::OptionalNumber}};
constexpr std::array kDeployment{
    FieldRule{1, "metadata", Form::Message, kObjectMeta},
    FieldRule{2, "spec", Form::Message, kDeploymentSpec},
    FieldRule{3, "status", Form::Ignored}};

constexpr std::array kJobSpec{
    FieldRule{1, "parallelism", Form::OptionalNumber},
    FieldRule{2, "completions", Form::OptionalNumber},
    FieldRule{3, "activeDeadlineSeconds", Form::OptionalNumber},
    FieldRule{4, "selector", Form::Message, kLabelSelector},
    FieldRule{6, "template", Form::Message, kPodTemplate},
    FieldRule{7, "backoffLimit", Form::OptionalNumber}};
constexpr std::array kJob{
    FieldRule{1, "metadata", Form::Message, kObjectMeta},
    FieldRule{2, "spec", Form::Message, kJobSpec},
    FieldRule{3, "status", Form::Ignored}};

constexpr std::array kBackendPort{
    FieldRule{1, "name", Form::Text}, FieldRule{2, "number", Form::Number}};
constexpr std::array kBackendService{
    FieldRule{1, "name", Form::Text}, FieldRule{2, "port", Form::Message, kBackendPort}};
constexpr std::array kBackend{FieldRule{4, "service", Form::Message, kBackendService}};
constexpr std::array kHttpPath{
    FieldRule{1, "path", Form::Text},
    FieldRule{2, "backend", Form::Message, kBackend},
    FieldRule{3, "pathType", Form::Text}};
constexpr std::array kHttpRule{FieldRule{1, "paths", Form::Message, kHttpPath, true}};
constexpr std::array kRuleValue{FieldRule{1, "http", Form::Message, kHttpRule}};
constexpr std::array kIngressRule{
    FieldRule{1, "host", Form::Text}, FieldRule{2, "", Form::Inline, kRuleValue}};
constexpr std::array kIngressTls{
    FieldRule{1, "hosts", Form::Text, {}, true}, FieldRule{2, "secretName", Form::Text}};
constexpr std::array kIngressSpec{
    FieldRule{1, "defaultBackend", Form::Message, kBackend},
    FieldRule{2, "tls", Form::Message, kIngressTls, true},
    FieldRule{3, "rules", Form::Message, kIngressRule, true},
    FieldRule{4, "ingressClassName", Form::Text}};
constexpr std::array kIngress{
    FieldRule{1, "metadata", Form::Message, kObjectMeta},
    FieldRule{2, "spec", Form::Message, kIngressSpec},
    FieldRule{3, "status", Form::Ignored}};

constexpr std::array kDeleteOptions{
    FieldRule{1, "gracePeriodSeconds", Form::OptionalNumber},
    FieldRule{4, "propagationPolicy", Form::Text},
    FieldRule{5, "dryRun", Form::Text, {}, true}};

struct KindRule {
    const char* api_version;
    const char* kind;
    FieldRules fields;
};

constexpr std::array kKinds{
    KindRule{"v1", "Namespace", kNamespace},
    KindRule{"v1", "ConfigMap", kConfigMap},
    KindRule{"v1", "Secret", kSecret},
    KindRule{"v1", "ServiceAccount", kServiceAccount},
    KindRule{"v1", "Service", kService},
    KindRule{"v1", "Pod", kPod},
    KindRule{"v1", "DeleteOptions", kDeleteOptions},
    KindRule{"apps/v1", "Deployment", kDeployment},
    KindRule{"batch/v1", "Job", kJob},
    KindRule{"networking.k8s.io/v1", "Ingress", kIngress}};

[[noreturn]] void malformed() {
    throw StatusError::bad_request("the body is no protobuf that can be read");
}

[[noreturn]] void unsupported(const std::string& what) {
    StatusError error(415, "UnsupportedMediaType", what + " is read as JSON only");
    error.set_hint("kubectl: add --dry-run=client -o yaml | kubectl apply -f -");
    throw error;
}

/// One field of a message: protobuf.dev/programming-guides/encoding.
struct WireField {
    unsigned number = 0;
    bool varint = false;
    std::uint64_t value = 0;
    std::string_view bytes;
};

class WireReader {
public:
    explicit WireReader(std::string_view bytes) : rest_(bytes) {}

    [[nodiscard]] bool more() const { return !rest_.empty(); }

    WireField next() {
        constexpr std::uint64_t kVarint = 0;
        constexpr std::uint64_t kLength = 2;
        const auto tag = varint();
        WireField field;
        field.number = static_cast<unsigned>(tag >> 3U);
        const auto type = tag & 7U;
        if (type == kVarint) {
            field.varint = true;
            field.value = varint();
        } else if (type == kLength) {
            const auto size = varint();
            if (size > rest_.size()) {
                malformed();
            }
            field.bytes = rest_.substr(0, size);
            rest_.remove_prefix(size);
        } else {
            malformed(); // Kubernetes has no fixed-size fields in these kinds
        }
        return field;
    }

private:
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            if (rest_.empty()) {
                malformed();
            }
            const auto byte = static_cast<unsigned char>(rest_.front());
            rest_.remove_prefix(1);
            value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
            if ((byte & 0x80U) == 0) {
                return value;
            }
        }
        malformed();
    }

    std::string_view rest_;
};

Json decode_message(std::string_view bytes, FieldRules fields, const std::string& where);

Json decode_int_or_string(std::string_view bytes) {
    std::uint64_t type = 0;
    std::int64_t number = 0;
    std::string text;
    for (WireReader reader(bytes); reader.more();) {
        const auto field = reader.next();
        if (field.number == 1) {
            type = field.value;
        } else if (field.number == 2) {
            number = static_cast<std::int64_t>(field.value);
        } else if (field.number == 3) {
            text = field.bytes;
        }
    }
    return type == 0 ? Json(number) : Json(text);
}

void decode_entry(std::string_view bytes, bool base64, Json& map) {
    std::string key;
    std::string_view value;
    for (WireReader reader(bytes); reader.more();) {
        const auto field = reader.next();
        if (field.number == 1) {
            key = field.bytes;
        } else if (field.number == 2) {
            value = field.bytes;
        }
    }
    map[key] = base64 ? netemu::encode_base64(value) : std::string(value);
}

Json decode_value(const FieldRule& rule, const WireField& field, const std::string& where) {
    switch (rule.form) {
    case Form::Text:
        return std::string(field.bytes);
    case Form::Number:
    case Form::OptionalNumber:
        return static_cast<std::int64_t>(field.value);
    case Form::Flag:
        return field.value != 0;
    case Form::IntOrString:
        return decode_int_or_string(field.bytes);
    default:
        return decode_message(field.bytes, rule.fields, where + "." + rule.name);
    }
}

/// What JSON leaves out (omitempty), and protobuf does not.
bool is_empty(const FieldRule& rule, const Json& value) {
    return (value.is_string() && value.get_ref<const std::string&>().empty()) ||
           (rule.form == Form::Number && value == 0);
}

void decode_field(
    const FieldRule& rule, const WireField& field, const std::string& where, Json& object) {
    const bool number =
        rule.form == Form::Number || rule.form == Form::OptionalNumber || rule.form == Form::Flag;
    if (rule.form != Form::Ignored && number != field.varint) {
        malformed();
    }
    switch (rule.form) {
    case Form::Ignored:
        return;
    case Form::TextMap:
    case Form::ByteMap:
        decode_entry(field.bytes, rule.form == Form::ByteMap, object[rule.name]);
        return;
    case Form::Inline:
        object.update(decode_message(field.bytes, rule.fields, where));
        return;
    default:
        break;
    }
    auto value = decode_value(rule, field, where);
    if (rule.list) {
        object[rule.name].push_back(std::move(value));
    } else if (!is_empty(rule, value)) {
        object[rule.name] = std::move(value);
    }
}

Json decode_message(std::string_view bytes, FieldRules fields, const std::string& where) {
    Json object = Json::object();
    for (WireReader reader(bytes); reader.more();) {
        const auto field = reader.next();
        const auto* const rule = fields.find(field.number);
        if (rule != nullptr) {
            decode_field(*rule, field, where, object);
        } else if (field.varint ? field.value != 0 : !field.bytes.empty()) {
            unsupported("field " + std::to_string(field.number) + " of " + where);
        }
    }
    return object;
}

} // namespace

bool is_kubernetes_protobuf(std::string_view body) {
    return body.starts_with(kMagic);
}

Json decode_kubernetes_protobuf(std::string_view body) {
    constexpr std::array kTypeMeta{
        FieldRule{1, "apiVersion", Form::Text}, FieldRule{2, "kind", Form::Text}};
    if (!is_kubernetes_protobuf(body)) {
        malformed();
    }
    Json type = Json::object();
    std::string_view raw;
    for (WireReader reader(body.substr(kMagic.size())); reader.more();) {
        const auto field = reader.next();
        if (field.number == 1) {
            type = decode_message(field.bytes, kTypeMeta, "the type");
        } else if (field.number == 2) {
            raw = field.bytes;
        }
    }
    const auto kind = string_at(type, "kind");
    const auto rule = std::find_if(kKinds.begin(), kKinds.end(), [&](const KindRule& each) {
        return kind == each.kind && string_at(type, "apiVersion") == each.api_version;
    });
    if (rule == kKinds.end()) {
        unsupported("the kind '" + kind + "'");
    }
    auto object = decode_message(raw, rule->fields, kind);
    object["apiVersion"] = rule->api_version;
    object["kind"] = rule->kind;
    return object;
}

} // namespace labctl::api
