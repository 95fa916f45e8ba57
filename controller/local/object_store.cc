#include "controller/local/object_store.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "controller/local/limits.h"

namespace spawner::local {

Object ObjectStore::Find(const ObjectKey& key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : found->second;
}

Object ObjectStore::Put(const ObjectKey& key, Json object) {
  Change change;
  change.key = key;
  change.previous = Find(key);
  change.type = change.previous ? Change::Type::kModified : Change::Type::kAdded;
  Object written = Record(std::move(change), std::move(object));
  objects_[key] = written;
  return written;
}

Object ObjectStore::Remove(const ObjectKey& key) {
  Change change;
  change.key = key;
  change.previous = Find(key);
  SPAWNER_CHECK(change.previous != nullptr);
  change.type = Change::Type::kDeleted;
  Json object = *change.previous;
  Object last = Record(std::move(change), std::move(object));
  objects_.erase(key);
  return last;
}

Object ObjectStore::Record(Change change, Json object) {
  change.version = ++version_;
  object["metadata"]["resourceVersion"] = std::to_string(version_);
  change.object = std::make_shared<const Json>(std::move(object));
  if (change.key.resource == Resource::kPods) touched_pods_.insert(change.key);
  changes_.push_back(change);
  while (changes_.size() > kHistoryMax) {
    dropped_ = changes_.front().version;
    changes_.pop_front();
  }
  return change.object;
}

void ObjectStore::WalkAt(Resource resource, const std::string& ns, uint64_t version,
                         const ObjectKey& after, const Visit& visit) const {
  SPAWNER_CHECK(IsKept(version));
  const auto is_asked_for = [&](const ObjectKey& key) {
    return key.resource == resource && (ns.empty() || key.ns == ns) && after < key;
  };
  std::map<ObjectKey, Object> before;  // of what has changed since; null: was not there
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
    if (change->version <= version) break;
    if (is_asked_for(change->key)) before[change->key] = change->previous;
  }
  auto past = before.begin();
  auto now = objects_.upper_bound(std::max(after, ObjectKey{resource, ns, ""}));
  while (true) {
    const bool has_now = now != objects_.end() && is_asked_for(now->first);
    if (past != before.end() && (!has_now || !(now->first < past->first))) {
      if (has_now && now->first == past->first) ++now;
      const auto& [key, object] = *past++;
      if (object != nullptr && !visit(key, object)) return;
    } else if (!has_now || !visit(now->first, now->second)) {
      return;
    } else {
      ++now;
    }
  }
}

std::map<ObjectKey, Object> ObjectStore::ListAt(Resource resource, const std::string& ns,
                                                uint64_t version) const {
  std::map<ObjectKey, Object> found;
  WalkAt(resource, ns, version, {resource, "", ""}, [&found](const auto& key, const auto& object) {
    found.emplace_hint(found.end(), key, object);
    return true;
  });
  return found;
}

const Change& ObjectStore::ChangeAt(uint64_t version) const {
  SPAWNER_CHECK(version > dropped_ && version <= version_);
  return changes_[version - dropped_ - 1];
}

void ObjectStore::Compact() {
  changes_.clear();
  dropped_ = version_;
}

std::set<ObjectKey> ObjectStore::TakeTouchedPods() { return std::exchange(touched_pods_, {}); }

}  // namespace spawner::local
