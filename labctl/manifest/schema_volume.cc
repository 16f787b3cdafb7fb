#include "labctl/manifest/schema_table.h"

/// core/v1: volumes and volume claims.
namespace labctl::manifest::schema {

// clang-format off
namespace {

constexpr Table kHostPathVolumeSource{
    text("path").required(), text("type"),
};

constexpr Table kEmptyDirVolumeSource{
    text("medium"), quantity("sizeLimit"), int32("mode"),
};

constexpr Table kGCEPersistentDiskVolumeSource{
    text("pdName"), text("fsType"), int32("partition"), flag("readOnly"),
};

constexpr Table kAWSElasticBlockStoreVolumeSource{
    text("volumeID"), text("fsType"), int32("partition"), flag("readOnly"),
};

constexpr Table kGitRepoVolumeSource{
    text("repository"), text("revision"), text("directory"),
};

constexpr Table kKeyToPath{
    text("key").required(), text("path").required(), int32("mode").range(0, 0777), int64("user"),
};

constexpr Table kSecretVolumeSource{
    text("secretName").required(), object("items", kKeyToPath).list(),
    int32("defaultMode").otherwise(0644).range(0, 0777), flag("optional"), int64("defaultUser"),
};

constexpr Table kNFSVolumeSource{
    text("server").required(), text("path").required(), flag("readOnly"),
};

constexpr Table kISCSIVolumeSource{
    text("targetPortal"), text("iqn"), int32("lun"), text("iscsiInterface"), text("fsType"),
    flag("readOnly"), text("portals").list(), flag("chapAuthDiscovery"), flag("chapAuthSession"),
    object("secretRef", kLocalObjectReference), text("initiatorName"),
};

constexpr Table kGlusterfsVolumeSource{
    text("endpoints"), text("path"), flag("readOnly"),
};

constexpr Table kPersistentVolumeClaimVolumeSource{
    text("claimName").required(), flag("readOnly"),
};

constexpr Table kRBDVolumeSource{
    text("monitors").list(), text("image"), text("fsType"), text("pool"), text("user"),
    text("keyring"), object("secretRef", kLocalObjectReference), flag("readOnly"),
};

constexpr Table kFlexVolumeSource{
    text("driver"), text("fsType"), object("secretRef", kLocalObjectReference), flag("readOnly"),
    text("options").map(),
};

constexpr Table kCinderVolumeSource{
    text("volumeID"), text("fsType"), flag("readOnly"), object("secretRef", kLocalObjectReference),
};

constexpr Table kCephFSVolumeSource{
    text("monitors").list(), text("path"), text("user"), text("secretFile"),
    object("secretRef", kLocalObjectReference), flag("readOnly"),
};

constexpr Table kFlockerVolumeSource{
    text("datasetName"), text("datasetUUID"),
};

constexpr Table kDownwardAPIVolumeFile{
    text("path").required(), object("fieldRef", kObjectFieldSelector),
    object("resourceFieldRef", kResourceFieldSelector), int32("mode").range(0, 0777), int64("user"),
};

constexpr Table kDownwardAPIVolumeSource{
    object("items", kDownwardAPIVolumeFile).list(),
    int32("defaultMode").otherwise(0644).range(0, 0777), int64("defaultUser"),
};

constexpr Table kFCVolumeSource{
    text("targetWWNs").list(), int32("lun"), text("fsType"), flag("readOnly"), text("wwids").list(),
};

constexpr Table kAzureFileVolumeSource{
    text("secretName"), text("shareName"), flag("readOnly"),
};

constexpr Table kConfigMapVolumeSource{
    text("name").required(), object("items", kKeyToPath).list(),
    int32("defaultMode").otherwise(0644).range(0, 0777), flag("optional"), int64("defaultUser"),
};

constexpr Table kVsphereVirtualDiskVolumeSource{
    text("volumePath"), text("fsType"), text("storagePolicyName"), text("storagePolicyID"),
};

constexpr Table kQuobyteVolumeSource{
    text("registry"), text("volume"), flag("readOnly"), text("user"), text("group"), text("tenant"),
};

constexpr Table kAzureDiskVolumeSource{
    text("diskName"), text("diskURI"), text("cachingMode"), text("fsType"), flag("readOnly"),
    text("kind"),
};

constexpr Table kPhotonPersistentDiskVolumeSource{
    text("pdID"), text("fsType"),
};

constexpr Table kSecretProjection{
    text("name"), object("items", kKeyToPath).list(), flag("optional"),
};

constexpr Table kDownwardAPIProjection{
    object("items", kDownwardAPIVolumeFile).list(),
};

constexpr Table kConfigMapProjection{
    text("name"), object("items", kKeyToPath).list(), flag("optional"),
};

constexpr Table kServiceAccountTokenProjection{
    text("audience"), int64("expirationSeconds").otherwise(3600).at_least(600),
    text("path").required(), int64("user"),
};

constexpr Table kClusterTrustBundleProjection{
    text("name"), text("signerName"), object("labelSelector", kLabelSelector), flag("optional"),
    text("path"), int64("user"),
};

constexpr Table kPodCertificateProjection{
    text("signerName"), text("keyType"), int32("maxExpirationSeconds"),
    text("credentialBundlePath"), text("keyPath"), text("certificateChainPath"),
    text("userAnnotations").map(), int64("user"),
};

constexpr Table kVolumeProjection{
    object("secret", kSecretProjection), object("downwardAPI", kDownwardAPIProjection),
    object("configMap", kConfigMapProjection),
    object("serviceAccountToken", kServiceAccountTokenProjection),
    object("clusterTrustBundle", kClusterTrustBundleProjection),
    object("podCertificate", kPodCertificateProjection),
};

constexpr Table kProjectedVolumeSource{
    object("sources", kVolumeProjection).list(),
    int32("defaultMode").otherwise(0644).range(0, 0777), int64("defaultUser"),
};

constexpr Table kPortworxVolumeSource{
    text("volumeID"), text("fsType"), flag("readOnly"),
};

constexpr Table kScaleIOVolumeSource{
    text("gateway"), text("system"), object("secretRef", kLocalObjectReference), flag("sslEnabled"),
    text("protectionDomain"), text("storagePool"), text("storageMode"), text("volumeName"),
    text("fsType"), flag("readOnly"),
};

constexpr Table kStorageOSVolumeSource{
    text("volumeName"), text("volumeNamespace"), text("fsType"), flag("readOnly"),
    object("secretRef", kLocalObjectReference),
};

constexpr Table kCSIVolumeSource{
    text("driver").required(), flag("readOnly"), text("fsType"), text("volumeAttributes").map(),
    object("nodePublishSecretRef", kLocalObjectReference),
};

constexpr Table kVolumeResourceRequirements{
    quantity("limits").map(), quantity("requests").map(),
};

constexpr Table kTypedObjectReference{
    text("apiGroup"), text("kind"), text("name"), text("namespace"),
};

constexpr Table kPersistentVolumeClaimSpec{
    text("accessModes").list(), object("selector", kLabelSelector),
    object("resources", kVolumeResourceRequirements), text("volumeName"), text("storageClassName"),
    text("volumeMode").otherwise("Filesystem"), object("dataSource", kTypedLocalObjectReference),
    object("dataSourceRef", kTypedObjectReference), text("volumeAttributesClassName"),
};

constexpr Table kPersistentVolumeClaimTemplate{
    object("metadata", kObjectMeta), object("spec", kPersistentVolumeClaimSpec),
};

constexpr Table kEphemeralVolumeSource{
    object("volumeClaimTemplate", kPersistentVolumeClaimTemplate),
};

constexpr Table kImageVolumeSource{
    text("reference"), text("pullPolicy"),
};

constexpr Table kVolumeTable{
    Code{default_volume, check_volume},
    text("name").required().is(dns_label), object("hostPath", kHostPathVolumeSource),
    object("emptyDir", kEmptyDirVolumeSource),
    object("gcePersistentDisk", kGCEPersistentDiskVolumeSource),
    object("awsElasticBlockStore", kAWSElasticBlockStoreVolumeSource),
    object("gitRepo", kGitRepoVolumeSource), object("secret", kSecretVolumeSource),
    object("nfs", kNFSVolumeSource), object("iscsi", kISCSIVolumeSource),
    object("glusterfs", kGlusterfsVolumeSource),
    object("persistentVolumeClaim", kPersistentVolumeClaimVolumeSource),
    object("rbd", kRBDVolumeSource), object("flexVolume", kFlexVolumeSource),
    object("cinder", kCinderVolumeSource), object("cephfs", kCephFSVolumeSource),
    object("flocker", kFlockerVolumeSource), object("downwardAPI", kDownwardAPIVolumeSource),
    object("fc", kFCVolumeSource), object("azureFile", kAzureFileVolumeSource),
    object("configMap", kConfigMapVolumeSource),
    object("vsphereVolume", kVsphereVirtualDiskVolumeSource),
    object("quobyte", kQuobyteVolumeSource), object("azureDisk", kAzureDiskVolumeSource),
    object("photonPersistentDisk", kPhotonPersistentDiskVolumeSource),
    object("projected", kProjectedVolumeSource), object("portworxVolume", kPortworxVolumeSource),
    object("scaleIO", kScaleIOVolumeSource), object("storageos", kStorageOSVolumeSource),
    object("csi", kCSIVolumeSource), object("ephemeral", kEphemeralVolumeSource),
    object("image", kImageVolumeSource),
};

constexpr Table kPersistentVolumeClaimTable{
    kApiVersion, kKind, object("metadata", kObjectMeta), object("spec", kPersistentVolumeClaimSpec),
    any("status"),
};

} // namespace

constinit const Struct kVolume{kVolumeTable.type()};
constinit const Struct kPersistentVolumeClaim{kPersistentVolumeClaimTable.type()};
// clang-format on

} // namespace labctl::manifest::schema
