#pragma once

#include "labctl/compile/cluster.h"
#include "labctl/compile/cluster_state.h"
#include "labctl/compile/control.h"
#include "labctl/compile/event_recorder.h"
#include "labctl/compile/linkerd_objects.h"
#include "labctl/compile/sidecar_objects.h"

namespace labctl::compile {

/// The members in the order in which they need each other. Internal to this folder.
struct Cluster::Impl {
    Impl(store::Store& the_store, ClusterConfig the_config)
        : store(the_store), config(std::move(the_config)), state(store, config), events(store),
          control(store, state, events) {
        control.images = &config.images;
        control.mesh = config.mesh_profile;
    }

    store::Store& store;
    ClusterConfig config;
    ClusterState state;
    EventRecorder events;
    Control control;
    Defaulter defaulter;

    api::ObjectPtr existing(const api::ObjectKey& key) const; // throws NotFound
    /// The rules for new objects, then the store.
    api::ObjectPtr create(api::Object object);
    /// The rules for changed objects, then the store.
    api::ObjectPtr update(const api::ObjectPtr& before, api::Object after);
    /// The object as it would be; nothing is changed yet.
    [[nodiscard]] api::Object edited_map(
        const api::Object& before,
        const char* field,
        const LabelChanges& changes,
        bool overwrite) const;
    api::ObjectPtr edit_map(
        const api::ObjectKey& key, const char* field, const LabelChanges& changes, bool overwrite);
};

} // namespace labctl::compile
