#include "labctl/store/journal.h"

#include <cerrno>

#include <unistd.h>

#include "labctl/store/journal_file.h"
#include "labctl/store/journal_format.h"
#include "netemu/base/error.h"

namespace labctl::store {

Journal::Journal(const std::string& path)
    : file_(std::make_unique<JournalFile>(path)),
      pending_(std::make_shared<std::set<api::ObjectKey>>()) {
}

Journal::~Journal() = default;
Journal::Journal(Journal&&) noexcept = default;
Journal& Journal::operator=(Journal&&) noexcept = default;

Journal Journal::open(const std::string& path) {
    return Journal(path);
}

std::vector<api::Object> Journal::load() {
    const auto records = file_->read();
    records_ = records.size();
    return replay(records);
}

std::uint64_t Journal::torn_bytes() const {
    return file_->torn_bytes();
}

void Journal::follow(Store& store) {
    store_ = &store;
    store.watch([watched = std::weak_ptr(pending_)](const Event& event) {
        const auto pending = watched.lock();
        if (pending && changes_record(event)) {
            pending->insert(event.object->key());
        }
    });
}

void Journal::flush() {
    if (pending_->empty()) {
        return;
    }
    std::vector<std::string> records;
    for (const auto& key : *pending_) {
        const auto object = store_->get(key);
        records.push_back(object ? put_record(*object) : delete_record(key));
    }
    file_->append(records);
    pending_->clear();
    records_ += records.size();
    if (file_->size() > kCompactionFloor && records_ > 2 * live_objects()) {
        compact();
    }
}

std::size_t Journal::live_objects() const {
    std::size_t result = 0;
    for (const auto& kind : store_->kinds()) {
        result += is_journalled(kind) ? store_->size(kind) : 0;
    }
    return result;
}

void Journal::compact() {
    std::vector<std::string> records;
    for (const auto& kind : store_->kinds()) {
        if (is_journalled(kind)) {
            for (const auto& object : store_->list(kind)) {
                records.push_back(put_record(*object));
            }
        }
    }
    file_->replace(records);
    records_ = records.size();
}

void Journal::sync() {
    flush();
    file_->sync();
}

const std::string& Journal::path() const {
    return file_->path();
}

std::uint64_t Journal::size() const {
    return file_->size();
}

void Journal::remove_file(const std::string& path) {
    for (const auto& name : {path, path + ".new"}) {
        if (::unlink(name.c_str()) != 0 && errno != ENOENT) {
            throw netemu::SysError("remove the journal " + name, errno);
        }
    }
}

} // namespace labctl::store
