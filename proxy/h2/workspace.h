#ifndef SPAWNER_PROXY_H2_WORKSPACE_H_
#define SPAWNER_PROXY_H2_WORKSPACE_H_

#include <nghttp2/nghttp2.h>

#include <string>
#include <utility>
#include <vector>

#include "proxy/h2/name_values.h"
#include "proxy/h2/response_fields.h"
#include "proxy/http/head.h"

namespace spawner::proxy::h2 {

// What the connections of one thread use again for each message; nothing in it outlives a call.
// Thread: its worker's. Owner: whoever owns the connections.
struct Workspace {
  ResponseHead head;
  FieldBlock block;
  std::string payload;  // out of chunks
  std::string out;      // frames of a turn

  // Of block: good until it changes.
  const std::vector<nghttp2_nv>& Views() {
    return views_ = NameValues(block.all(), std::move(views_));
  }

 private:
  std::vector<nghttp2_nv> views_;
};

}  // namespace spawner::proxy::h2

#endif  // SPAWNER_PROXY_H2_WORKSPACE_H_
