#include "labctl/dataplane/sample_record.h"

#include "labctl/dataplane/workload.h"
#include "mesh/linkerd/identity.h"
#include "mesh/spiffe/id.h"
#include "netemu/base/error.h"

namespace labctl::dataplane {
namespace {

using probe::Outcome;

probe::Http read_http(WireReader& record) {
    probe::Http http;
    http.status = record.u16();
    const auto fields = record.u32();
    for (std::uint32_t i = 0; i < fields; ++i) {
        const auto name = record.text();
        http.headers.emplace(name, record.text());
    }
    http.body = record.text();
    return http;
}

void read_tls(WireReader& record, probe::Sample& sample) {
    auto& tls = sample.tls.emplace();
    tls.version = record.text();
    tls.server_name = record.text();
    tls.subject = record.text();
    tls.issuer = record.text();
    tls.not_after = record.text();
    sample.peer_identity = record.text();
    for (auto left = record.u32(); left > 0; --left) {
        tls.dns_names.emplace_back(record.text());
    }
}

probe::Grpc read_grpc(WireReader& record) {
    probe::Grpc grpc;
    grpc.status = static_cast<int>(record.u32());
    grpc.message = record.text();
    grpc.health = record.text();
    return grpc;
}

std::vector<probe::DnsAnswer> read_answers(WireReader& record) {
    std::vector<probe::DnsAnswer> answers;
    for (auto left = record.u32(); left > 0; --left) {
        auto& answer = answers.emplace_back();
        answer.name = record.text();
        answer.type = record.text();
        answer.ttl = record.u32();
        answer.data = record.text();
    }
    return answers;
}

void read_dns(WireReader& record, SampleRecord& made) {
    made.sample.rcode = record.text();
    made.sample.answers = read_answers(record);
    for (auto left = record.u32(); left > 0; --left) {
        auto& step = made.steps.emplace_back();
        step.name = record.text();
        step.type = record.text();
        step.server = record.text();
        step.tcp = record.u8() != 0;
        step.id = record.u16();
        step.rcode = record.text();
        step.rtt_us = record.u32();
        step.answers = read_answers(record);
    }
}

Outcome read_outcome(WireReader& record) {
    const auto value = record.u8();
    if (value > static_cast<std::uint8_t>(Outcome::Unsupported)) {
        throw netemu::Error("the data plane reports an outcome that there is not");
    }
    return static_cast<Outcome>(value);
}

/// Who is at the other end as the workload there says, where no TLS of our own has shown it.
void note_identities(probe::Sample& sample) {
    const auto field = [&sample](std::string_view name) {
        const auto found = sample.http->headers.find(std::string(name));
        const bool valid = found != sample.http->headers.end() &&
                           (mesh::SpiffeId::try_parse(found->second) ||
                            mesh::linkerd::is_service_account_identity(found->second));
        return valid ? found->second : std::string();
    };
    if (sample.http && !sample.backend.empty()) {
        if (sample.peer_identity.empty()) {
            sample.peer_identity = field(kIdentityField);
        }
        sample.client_identity = field(kClientIdentityField);
    }
}

} // namespace

SampleRecord read_sample(WireReader& record) {
    SampleRecord made;
    made.job = record.u32();
    made.sample.outcome = read_outcome(record);
    made.sample.rtt_us = record.u32();
    made.drop = record.u32();
    made.local = record.text();
    made.detail = record.text();
    made.sample.backend = record.text();
    made.sample.client_ip = record.text();
    const auto has = record.u8();
    if ((has & kSampleHasHttp) != 0) {
        made.sample.http = read_http(record);
    }
    if ((has & kSampleHasDns) != 0) {
        read_dns(record, made);
    }
    if ((has & kSampleHasTls) != 0) {
        read_tls(record, made.sample);
    }
    if ((has & kSampleHasGrpc) != 0) {
        made.sample.grpc = read_grpc(record);
    }
    note_identities(made.sample);
    return made;
}

} // namespace labctl::dataplane
