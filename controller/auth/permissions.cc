#include "controller/auth/permissions.h"

namespace spawner::auth {
namespace {

constexpr Permission kPermissions[] = {
    {"/spawner.v1.Sessions/Connect", "create", "sessions", "", true},
    {"/spawner.v1.Sessions/GetSession", "get", "sessions", "", true},
    {"/spawner.v1.Sessions/ListSessions", "list", "sessions", "", true},
    {"/spawner.v1.Sessions/WatchSessions", "watch", "sessions", "", true},
    {"/spawner.v1.Sessions/WaitSession", "get", "sessions", "", true},
    {"/spawner.v1.Sessions/TerminateSession", "delete", "sessions", "", true},
    {"/spawner.v1.Sessions/KeepAlive", "update", "sessions", "", true},
    {"/spawner.v1.Sessions/ExplainSession", "get", "sessions", "", true},
    {"/spawner.v1.Sessions/CreateGrant", "create", "grants", "", true},
    {"/spawner.v1.Sessions/RevokeGrant", "delete", "grants", "", true},
    {"/spawner.v1.Sessions/StreamLogs", "get", "sessions", "log", true},
    {"/spawner.v1.Templates/ListTemplates", "list", "templates", "", true},
    {"/spawner.v1.Templates/GetTemplate", "get", "templates", "", true},
    {"/spawner.v1.Templates/ApplyTemplate", "update", "templates", "", true},
    {"/spawner.v1.Templates/DeleteTemplate", "delete", "templates", "", true},
    {"/spawner.v1.Admin/GetStatus", "get", "status", "", false},
    {"/spawner.v1.Admin/ListProxies", "list", "proxies", "", false},
    {"/spawner.v1.Admin/DrainProxy", "update", "proxies", "", false},
    {"/spawner.v1.Admin/DrainNode", "update", "nodes", "", false},
    {"/spawner.v1.Admin/RotateKeys", "update", "keys", "", false},
    {"/spawner.v1.Admin/Diagnose", "get", "diagnoses", "", false},
    {"/spawner.v1.Admin/Uninstall", "delete", "installations", "", false},
    {"/spawner.v1.Admin/GetQuotas", "get", "quotas", "", true},
    {"/spawner.v1.ProxyLink/Connect", "connect", "proxies", "", false},
};

}  // namespace

const Permission* FindPermission(absl::string_view method) {
  for (const Permission& permission : kPermissions) {
    if (permission.method == method) return &permission;
  }
  return nullptr;
}

}  // namespace spawner::auth
