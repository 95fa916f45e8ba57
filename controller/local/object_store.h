#ifndef SPAWNER_CONTROLLER_LOCAL_OBJECT_STORE_H_
#define SPAWNER_CONTROLLER_LOCAL_OBJECT_STORE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "controller/local/api_path.h"

namespace spawner::local {

// One version of one object. Shared, never changed: by the store and by the changes it keeps.
using Object = std::shared_ptr<const Json>;

struct Change {
  enum class Type { kAdded, kModified, kDeleted };
  uint64_t version = 0;
  Type type = Type::kAdded;
  ObjectKey key;
  Object object;    // after the change; of a deletion: `previous` with the new version
  Object previous;  // null if added
};

// All objects, and the latest changes to them: what etcd is to the real one. Each write raises the
// version by one and becomes the object's metadata.resourceVersion. Knows no rules.
// Thread: one. Owner: LocalKubernetes.
class ObjectStore {
 public:
  ObjectStore() = default;
  ObjectStore(const ObjectStore&) = delete;
  ObjectStore& operator=(const ObjectStore&) = delete;

  uint64_t version() const { return version_; }
  size_t size() const { return objects_.size(); }

  // Null if there is none.
  Object Find(const ObjectKey& key) const;
  // Writes `object` as the new state of `key`, there or not. Returns it with its version.
  Object Put(const ObjectKey& key, Json object);
  // Removes `key`, which is there. Returns its last state with the version of the removal.
  Object Remove(const ObjectKey& key);

  // The objects of one namespace (or all, with ns "") as they were at `version`, in order of their
  // keys, from the first that is greater than `after` until `visit` is false. Call only if
  // IsKept(version).
  using Visit = std::function<bool(const ObjectKey& key, const Object& object)>;
  void WalkAt(Resource resource, const std::string& ns, uint64_t version, const ObjectKey& after,
              const Visit& visit) const;
  // All of them.
  std::map<ObjectKey, Object> ListAt(Resource resource, const std::string& ns,
                                     uint64_t version) const;

  // True if all changes after `version` are still here.
  bool IsKept(uint64_t version) const { return version >= dropped_; }
  // The change that made version() become `version`; it is kept, and not of the future.
  const Change& ChangeAt(uint64_t version) const;
  // Forgets all changes, as etcd's compaction: older versions are "too old" from now on.
  void Compact();

  // Keys of pods written since the last call.
  std::set<ObjectKey> TakeTouchedPods();
  bool HasTouchedPods() const { return !touched_pods_.empty(); }

 private:
  Object Record(Change change, Json object);

  uint64_t version_ = 1;
  uint64_t dropped_ = 1;  // the version before the oldest change kept
  std::map<ObjectKey, Object> objects_;
  std::deque<Change> changes_;
  std::set<ObjectKey> touched_pods_;
};

}  // namespace spawner::local

#endif  // SPAWNER_CONTROLLER_LOCAL_OBJECT_STORE_H_
