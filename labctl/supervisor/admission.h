#pragma once

#include "labctl/compile/cluster.h"

namespace labctl::supervisor {

/// While one lives, every object that an edit is about to store is checked and completed as the API
/// server does it (Kubernetes' "validation" and "defaulting"): requests for single objects come
/// from whoever speaks REST, where what `apply` and `up` bring has been read from files already.
/// An edit then throws api::StatusError 422 with everything that is wrong, and stores nothing.
class Admission {
public:
    explicit Admission(compile::Cluster& cluster);
    ~Admission();
    Admission(const Admission&) = delete;
    Admission& operator=(const Admission&) = delete;

private:
    compile::Cluster& cluster_;
};

} // namespace labctl::supervisor
