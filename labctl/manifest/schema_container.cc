#include "labctl/manifest/schema_table.h"

/// core/v1: containers.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr std::array<std::string_view, 3> kMountPropagation{"Bidirectional", "HostToContainer", "None"};
constexpr std::array<std::string_view, 2> kSchemes{"HTTP", "HTTPS"};
constexpr std::array<std::string_view, 2> kMessagePolicies{"FallbackToLogsOnError", "File"};
constexpr std::array<std::string_view, 3> kPullPolicies{"Always", "IfNotPresent", "Never"};
constexpr std::array<std::string_view, 2> kProcMounts{"Default", "Unmasked"};
constexpr std::array<std::string_view, 3> kProfileTypes{"Localhost", "RuntimeDefault", "Unconfined"};

constexpr Table kObjectFieldSelectorTable{
    text("apiVersion").otherwise("v1"), text("fieldPath").required(),
};

constexpr Table kResourceFieldSelectorTable{
    text("containerName"), text("resource").required(), quantity("divisor"),
};

constexpr Table kContainerPort{
    Code{nullptr, check_container_port},
    text("name").is(port_name), int32("hostPort"), port("containerPort").required(),
    text("protocol").otherwise("TCP").one_of(kProtocols), text("hostIP").is(ip_address),
};

constexpr Table kConfigMapEnvSource{
    text("name"), flag("optional"),
};

constexpr Table kSecretEnvSource{
    text("name"), flag("optional"),
};

constexpr Table kEnvFromSource{
    text("prefix"), object("configMapRef", kConfigMapEnvSource),
    object("secretRef", kSecretEnvSource),
};

constexpr Table kConfigMapKeySelector{
    text("name"), text("key").required().is(config_key), flag("optional"),
};

constexpr Table kSecretKeySelector{
    text("name"), text("key").required().is(config_key), flag("optional"),
};

constexpr Table kFileKeySelector{
    text("volumeName"), text("path"), text("key"), flag("optional"),
};

constexpr Table kEnvVarSource{
    object("fieldRef", kObjectFieldSelector), object("resourceFieldRef", kResourceFieldSelector),
    object("configMapKeyRef", kConfigMapKeySelector), object("secretKeyRef", kSecretKeySelector),
    object("fileKeyRef", kFileKeySelector),
};

constexpr Table kEnvVar{
    Code{nullptr, check_env_var},
    text("name").required().is(env_name), text("value"), object("valueFrom", kEnvVarSource),
};

constexpr Table kResourceClaim{
    text("name"), text("request"),
};

constexpr Table kResourceRequirementsTable{
    Code{nullptr, check_resources},
    quantity("limits").map(), quantity("requests").map(), object("claims", kResourceClaim).list(),
};

constexpr Table kContainerResizePolicy{
    text("resourceName"), text("restartPolicy"),
};

constexpr Table kContainerRestartRuleOnExitCodes{
    text("operator"), int32("values").list(),
};

constexpr Table kContainerRestartRule{
    text("action"), object("exitCodes", kContainerRestartRuleOnExitCodes),
};

constexpr Table kVolumeMount{
    text("name").required(), flag("readOnly"), text("recursiveReadOnly"),
    text("mountPath").required(), text("subPath"),
    text("mountPropagation").one_of(kMountPropagation), text("subPathExpr"),
    text("bindMountOptions").list(),
};

constexpr Table kVolumeDevice{
    text("name").required(), text("devicePath").required(),
};

constexpr Table kExecAction{
    text("command").list(),
};

constexpr Table kHTTPHeader{
    text("name").required(), text("value"),
};

constexpr Table kHTTPGetAction{
    Code{nullptr, check_port_reference},
    text("path").otherwise("/"), int_or_text("port").required(), text("host"),
    text("scheme").otherwise("HTTP").one_of(kSchemes), object("httpHeaders", kHTTPHeader).list(),
    text("protocol"),
};

constexpr Table kTCPSocketAction{
    Code{nullptr, check_port_reference},
    int_or_text("port").required(), text("host"),
};

constexpr Table kGRPCAction{
    Code{default_grpc, nullptr},
    port("port").required(), text("service"), text("mode"),
};

constexpr Table kProbeTable{
    Code{default_probe, check_probe},
    object("exec", kExecAction), object("httpGet", kHTTPGetAction),
    object("tcpSocket", kTCPSocketAction), object("grpc", kGRPCAction),
    int32("initialDelaySeconds").at_least(0), int32("timeoutSeconds").otherwise(1).at_least(0),
    int32("periodSeconds").otherwise(10).at_least(0),
    int32("successThreshold").otherwise(1).at_least(0),
    int32("failureThreshold").otherwise(3).at_least(0), int64("terminationGracePeriodSeconds"),
};

constexpr Table kSleepAction{
    int64("seconds"),
};

constexpr Table kLifecycleHandler{
    Code{nullptr, check_lifecycle_handler},
    object("exec", kExecAction), object("httpGet", kHTTPGetAction),
    object("tcpSocket", kTCPSocketAction), object("sleep", kSleepAction),
};

constexpr Table kLifecycle{
    object("postStart", kLifecycleHandler), object("preStop", kLifecycleHandler),
    text("stopSignal"),
};

constexpr Table kCapabilities{
    text("add").list(), text("drop").list(),
};

constexpr Table kSELinuxOptionsTable{
    text("user"), text("role"), text("type"), text("level"),
};

constexpr Table kWindowsSecurityContextOptionsTable{
    text("gmsaCredentialSpecName"), text("gmsaCredentialSpec"), text("runAsUserName"),
    flag("hostProcess"),
};

constexpr Table kSeccompProfileTable{
    text("type").required().one_of(kProfileTypes), text("localhostProfile"),
};

constexpr Table kAppArmorProfileTable{
    text("type").required().one_of(kProfileTypes), text("localhostProfile"),
};

constexpr Table kSecurityContext{
    object("capabilities", kCapabilities), flag("privileged"),
    object("seLinuxOptions", kSELinuxOptions),
    object("windowsOptions", kWindowsSecurityContextOptions), int64("runAsUser"),
    int64("runAsGroup"), flag("runAsNonRoot"), flag("readOnlyRootFilesystem"),
    flag("allowPrivilegeEscalation"), text("procMount").one_of(kProcMounts),
    object("seccompProfile", kSeccompProfile), object("appArmorProfile", kAppArmorProfile),
};

constexpr Table kContainerTable{
    Code{default_container, check_container},
    text("name").required().is(dns_label), text("image").required(), text("command").list(),
    text("args").list(), text("workingDir"), object("ports", kContainerPort).list().unique("name"),
    object("envFrom", kEnvFromSource).list(), object("env", kEnvVar).list(),
    object("resources", kResourceRequirements),
    object("resizePolicy", kContainerResizePolicy).list(), text("restartPolicy"),
    object("restartPolicyRules", kContainerRestartRule).list(),
    object("volumeMounts", kVolumeMount).list(), object("volumeDevices", kVolumeDevice).list(),
    object("livenessProbe", kProbe), object("readinessProbe", kProbe),
    object("startupProbe", kProbe), object("lifecycle", kLifecycle),
    text("terminationMessagePath").otherwise("/dev/termination-log"),
    text("terminationMessagePolicy").otherwise("File").one_of(kMessagePolicies),
    text("imagePullPolicy").one_of(kPullPolicies), object("securityContext", kSecurityContext),
    flag("stdin"), flag("stdinOnce"), flag("tty"),
};

constexpr Table kEphemeralContainerTable{
    Code{default_container, check_container},
    text("name").required().is(dns_label), text("image").required(), text("command").list(),
    text("args").list(), text("workingDir"), object("ports", kContainerPort).list().unique("name"),
    object("envFrom", kEnvFromSource).list(), object("env", kEnvVar).list(),
    object("resources", kResourceRequirements),
    object("resizePolicy", kContainerResizePolicy).list(), text("restartPolicy"),
    object("restartPolicyRules", kContainerRestartRule).list(),
    object("volumeMounts", kVolumeMount).list(), object("volumeDevices", kVolumeDevice).list(),
    object("livenessProbe", kProbe), object("readinessProbe", kProbe),
    object("startupProbe", kProbe), object("lifecycle", kLifecycle),
    text("terminationMessagePath").otherwise("/dev/termination-log"),
    text("terminationMessagePolicy").otherwise("File").one_of(kMessagePolicies),
    text("imagePullPolicy").one_of(kPullPolicies), object("securityContext", kSecurityContext),
    flag("stdin"), flag("stdinOnce"), flag("tty"), text("targetContainerName"),
};

} // namespace

constinit const Struct kObjectFieldSelector{kObjectFieldSelectorTable.type()};
constinit const Struct kResourceFieldSelector{kResourceFieldSelectorTable.type()};
constinit const Struct kResourceRequirements{kResourceRequirementsTable.type()};
constinit const Struct kProbe{kProbeTable.type()};
constinit const Struct kContainer{kContainerTable.type()};
constinit const Struct kEphemeralContainer{kEphemeralContainerTable.type()};
constinit const Struct kSELinuxOptions{kSELinuxOptionsTable.type()};
constinit const Struct kWindowsSecurityContextOptions{kWindowsSecurityContextOptionsTable.type()};
constinit const Struct kSeccompProfile{kSeccompProfileTable.type()};
constinit const Struct kAppArmorProfile{kAppArmorProfileTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
