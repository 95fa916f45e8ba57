#include "cli/resources.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/rpc/error_details.pb.h"
#include "spawner/v1/admin.pb.h"
#include "spawner/v1/sessions.pb.h"
#include "spawner/v1/templates.pb.h"

namespace spawner::cli {
namespace {

constexpr int kPageSize = 500;
constexpr int kPagesMax = 100;

using Rows = std::vector<std::vector<std::string>>;

std::string Table(const Invocation& i, const Rows& rows) {
  return ToTable(rows, i.surroundings.UseColour());
}

grpc::Status ListProxies(const Invocation& i, v1::ListProxiesResponse* response) {
  return i.client.Ask("list proxies", i.client.admin(), &v1::Admin::Stub::AsyncListProxies,
                      v1::ListProxiesRequest(), response);
}

std::string LinkOf(const v1::ProxyStatus& proxy) {
  if (proxy.connected()) return "connected";
  return absl::StrCat("lost ", Age(absl::Seconds(proxy.lost_for().seconds())));
}

Rows ProxyRows(const v1::ListProxiesResponse& list) {
  Rows rows = {{"PROXY", "LINK", "CONNECTIONS", "VERSION", "ROUTES", "POD"}};
  for (const v1::ProxyStatus& proxy : list.proxies()) {
    rows.push_back({proxy.id(), LinkOf(proxy), absl::StrCat(proxy.connections()), proxy.version(),
                    absl::StrCat(proxy.route_version()), OrDash(proxy.pod())});
  }
  return rows;
}

grpc::Status ListTemplates(const Invocation& i, v1::ListTemplatesResponse* all) {
  v1::ListTemplatesRequest request;
  request.set_parent(absl::StrCat("namespaces/", i.ns));
  request.set_page_size(kPageSize);
  for (int page = 0; page < kPagesMax; ++page) {
    v1::ListTemplatesResponse response;
    const grpc::Status status =
        i.client.Ask("list templates", i.client.templates(),
                     &v1::Templates::Stub::AsyncListTemplates, request, &response);
    if (!status.ok()) return status;
    all->mutable_templates()->MergeFrom(response.templates());
    if (response.next_page_token().empty()) return grpc::Status::OK;
    request.set_page_token(response.next_page_token());
  }
  return {grpc::StatusCode::INTERNAL, "the server's pages do not end"};
}

std::string LastWord(const std::string& name) { return name.substr(name.rfind('/') + 1); }

// The image of the template's first container.
std::string ImageOf(const v1::Template& one) {
  const google::protobuf::Value* value = nullptr;
  const google::protobuf::Struct* at = &one.pod_template();
  for (const char* member : {"template", "spec", "containers"}) {
    const auto found = at->fields().find(member);
    if (found == at->fields().end()) return "-";
    value = &found->second;
    at = &value->struct_value();
  }
  if (value->list_value().values().empty()) return "-";
  const auto& container = value->list_value().values(0).struct_value().fields();
  const auto image = container.find("image");
  return image == container.end() ? "-" : image->second.string_value();
}

std::string HitRatio(const v1::PoolStatus& pool) {
  return pool.size() == 0 ? "-" : absl::StrFormat("%.0f %%", pool.hit_ratio() * 100);
}

Rows TemplateRows(const v1::ListTemplatesResponse& list) {
  Rows rows = {{"TEMPLATE", "IMAGE", "POOL", "READY", "CLAIMED", "HITS"}};
  for (const v1::Template& one : list.templates()) {
    rows.push_back({LastWord(one.name()), ImageOf(one), absl::StrCat(one.pool().size()),
                    absl::StrCat(one.pool().ready()), absl::StrCat(one.pool().claimed()),
                    HitRatio(one.pool())});
  }
  return rows;
}

Rows QuotaRows(const v1::GetQuotasResponse& response) {
  Rows rows = {{"RESOURCE", "USER", "USED", "ALLOWED"}};
  for (const auto& quota : response.quotas()) {
    rows.push_back({quota.resource(), OrDash(quota.user()), absl::StrCat(quota.used()),
                    quota.allowed() == 0 ? "no limit" : absl::StrCat(quota.allowed())});
  }
  return rows;
}

// With -o name: one a line.
template <typename List>
std::string Names(const List& list) {
  std::string names;
  for (const auto& one : list) absl::StrAppend(&names, names.empty() ? "" : "\n", one);
  return names;
}

int PrintProxies(const Invocation& i, const v1::ListProxiesResponse& list) {
  std::vector<std::string> names;
  for (const v1::ProxyStatus& proxy : list.proxies()) names.push_back(proxy.id());
  Print(i, list, Table(i, ProxyRows(list)), Names(names));
  if (names.empty()) i.surroundings.err("no proxies: none has connected to the controller\n");
  return kOk;
}

int PrintTemplates(const Invocation& i, const v1::ListTemplatesResponse& list) {
  std::vector<std::string> names;
  for (const v1::Template& one : list.templates()) names.push_back(one.name());
  Print(i, list, Table(i, TemplateRows(list)), Names(names));
  if (names.empty()) i.surroundings.err("no templates; `spawnctl apply -f FILE` makes one\n");
  return kOk;
}

int ShowQuotas(const Invocation& i) {
  v1::GetQuotasRequest request;
  request.set_parent(absl::StrCat("namespaces/", i.ns));
  v1::GetQuotasResponse response;
  const grpc::Status status = i.client.Ask("get quotas", i.client.admin(),
                                           &v1::Admin::Stub::AsyncGetQuotas, request, &response);
  if (!status.ok()) return Fail(i, status, "get quotas");
  std::vector<std::string> names;
  for (const auto& quota : response.quotas()) names.push_back(quota.resource());
  Print(i, response, Table(i, QuotaRows(response)), Names(names));
  return kOk;
}

grpc::Status FindTemplate(const Invocation& i, const std::string& name, v1::Template* found) {
  v1::GetTemplateRequest request;
  request.set_name(TemplateName(name, i.ns));
  return i.client.Ask("get template", i.client.templates(), &v1::Templates::Stub::AsyncGetTemplate,
                      request, found);
}

grpc::Status FindProxy(const Invocation& i, const std::string& name, v1::ProxyStatus* found) {
  v1::ListProxiesResponse list;
  if (const grpc::Status status = ListProxies(i, &list); !status.ok()) return status;
  for (const v1::ProxyStatus& proxy : list.proxies()) {
    if (proxy.id() != name && proxy.pod() != name) continue;
    *found = proxy;
    return grpc::Status::OK;
  }
  const std::string message = absl::StrCat("no proxy has the id or the pod \"", name, "\"");
  google::rpc::ErrorInfo info;  // as a controller would say it
  info.set_reason("PROXY_NOT_FOUND");
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  return {grpc::StatusCode::NOT_FOUND, message, details.SerializeAsString()};
}

}  // namespace

const std::vector<Resource>& Resources() {
  static const std::vector<Resource> kResources = {
      {Resource::Kind::kSession, "session", "sessions"},
      {Resource::Kind::kProxy, "proxy", "proxies"},
      {Resource::Kind::kTemplate, "template", "templates"},
      {Resource::Kind::kQuota, "quota", "quotas"}};
  return kResources;
}

const Resource* FindResource(const std::string& word) {
  for (const Resource& resource : Resources()) {
    if (word == resource.one || word == resource.many) return &resource;
  }
  return nullptr;
}

void PrintSessions(const Invocation& i, const std::vector<v1::Session>& sessions) {
  v1::ListSessionsResponse list;
  std::vector<std::string> names;
  for (const v1::Session& session : sessions) {
    *list.add_sessions() = session;
    names.push_back(session.name());
  }
  Print(i, list, Table(i, SessionRows(sessions, i.format == Format::kWide, i.surroundings.now())),
        Names(names));
}

void PrintSession(const Invocation& i, const v1::Session& session) {
  Print(i, session,
        Table(i, SessionRows({session}, i.format == Format::kWide, i.surroundings.now())),
        session.name());
}

int ListOther(const Invocation& i, const Resource& resource) {
  if (resource.kind == Resource::Kind::kQuota) return ShowQuotas(i);
  if (resource.kind == Resource::Kind::kProxy) {
    v1::ListProxiesResponse list;
    const grpc::Status status = ListProxies(i, &list);
    return status.ok() ? PrintProxies(i, list) : Fail(i, status, "get proxies");
  }
  v1::ListTemplatesResponse list;
  const grpc::Status status = ListTemplates(i, &list);
  return status.ok() ? PrintTemplates(i, list) : Fail(i, status, "get templates");
}

int GetOther(const Invocation& i, const Resource& resource, const std::string& name) {
  if (resource.kind == Resource::Kind::kQuota)
    return Usage(i, "quotas have no names: say `get quotas`");
  if (resource.kind == Resource::Kind::kProxy) {
    v1::ProxyStatus proxy;
    const grpc::Status status = FindProxy(i, name, &proxy);
    if (!status.ok()) return Fail(i, status, absl::StrCat(i.verb, " proxy"));
    v1::ListProxiesResponse list;
    *list.add_proxies() = proxy;
    Print(i, proxy, Table(i, ProxyRows(list)), proxy.id());
    return kOk;
  }
  v1::Template found;
  const grpc::Status status = FindTemplate(i, name, &found);
  if (!status.ok()) return Fail(i, status, "get template");
  v1::ListTemplatesResponse list;
  *list.add_templates() = found;
  Print(i, found, Table(i, TemplateRows(list)), found.name());
  return kOk;
}

int DescribeOther(const Invocation& i, const Resource& resource, const std::string& name) {
  if (resource.kind != Resource::Kind::kTemplate || !i.IsForPeople())
    return GetOther(i, resource, name);
  v1::Template found;
  const grpc::Status status = FindTemplate(i, name, &found);
  if (!status.ok()) return Fail(i, status, "describe template");
  i.surroundings.out(ToYaml(found));
  return kOk;
}

std::string TemplateName(const std::string& text, const std::string& ns) {
  if (absl::StartsWith(text, "namespaces/")) return text;
  return absl::StrCat("namespaces/", ns, "/templates/", LastWord(text));
}

int ShowPools(const Invocation& i) {
  v1::ListTemplatesResponse list;
  const grpc::Status status = ListTemplates(i, &list);
  if (!status.ok()) return Fail(i, status, "pools");
  v1::ListTemplatesResponse pooled;
  for (const v1::Template& one : list.templates()) {
    if (one.pool().size() > 0) *pooled.add_templates() = one;
  }
  std::vector<std::string> names;
  for (const v1::Template& one : pooled.templates()) names.push_back(one.name());
  Print(i, pooled, Table(i, TemplateRows(pooled)), Names(names));
  if (names.empty()) {
    i.surroundings.err(absl::StrCat("no warm pools: none of ", list.templates_size(),
                                    " templates of namespace ", i.ns, " has one\n"));
  }
  return kOk;
}

}  // namespace spawner::cli
