#include "controller/api/admission.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <map>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "controller/api/grants.h"
#include "controller/auth/guard.h"
#include "controller/auth/permissions.h"

namespace spawner::api {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerInterceptorFactoryInterface;
using grpc::experimental::ServerRpcInfo;
using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

// RFC 9110 5.6.2: a name has no space.
constexpr char kMethodNote[] = "spawner method";
constexpr char kNamespaceNote[] = "spawner namespace";
constexpr char kRequestNote[] = "spawner request";

absl::string_view View(grpc::string_ref text) { return {text.data(), text.size()}; }

absl::string_view Find(const Metadata& metadata, const char* name) {
  const auto found = metadata.find(name);
  return found == metadata.end() ? absl::string_view() : View(found->second);
}

// The resource name that the request is about: `parent`, `name`, or that of its one message with a
// `name`, as ApplyTemplate's template.
std::string ResourceName(const Message& request) {
  const google::protobuf::Descriptor& type = *request.GetDescriptor();
  const google::protobuf::Reflection& reflection = *request.GetReflection();
  for (const char* name : {"parent", "name"}) {
    const FieldDescriptor* field = type.FindFieldByName(name);
    if (field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      return reflection.GetString(request, field);
    }
  }
  const FieldDescriptor* field = type.FindFieldByName("template");
  if (field == nullptr || field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return "";
  return ResourceName(reflection.GetMessage(request, field));
}

// Empty, which is all of them, for `namespaces/-` and for what names none: that asks for more, and
// is refused by its method as well.
std::string NamespaceOf(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, "namespaces/")) return "";
  name = name.substr(0, name.find('/'));
  return name == "-" ? "" : std::string(name);
}

// Of one call, for as long as its context.
class Noter final : public Interceptor {
 public:
  explicit Noter(const char* method)
      : method_(method), permission_(auth::FindPermission(method_)) {}

  void Intercept(InterceptorBatchMethods* batch) override {
    if (batch->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      TakeNotes(batch);
    }
    batch->Proceed();
  }

 private:
  void TakeNotes(InterceptorBatchMethods* batch) {
    Metadata& metadata = *batch->GetRecvInitialMetadata();
    if (permission_ != nullptr &&
        batch->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE) &&
        batch->GetRecvMessage() != nullptr) {
      // gRPC knows the type, its interceptors do not: every method of ours takes a message of
      // protobuf's.
      const Message& message = *static_cast<const Message*>(batch->GetRecvMessage());
      if (permission_->is_namespaced) namespace_ = NamespaceOf(ResourceName(message));
      if (metadata.count(kSealHeader) > 0) request_ = RequestHash(message);
    }
    for (const char* note : {kMethodNote, kNamespaceNote, kRequestNote}) metadata.erase(note);
    metadata.emplace(kMethodNote, method_);
    metadata.emplace(kNamespaceNote, namespace_);
    metadata.emplace(kRequestNote, request_);
  }

  const std::string method_;
  const auth::Permission* const permission_;
  std::string namespace_;
  std::string request_;
};

class Factory final : public ServerInterceptorFactoryInterface {
 public:
  Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    return new Noter(info->method());  // gRPC owns and deletes it
  }
};

// RFC 6750 2.1; the scheme's case does not matter (RFC 9110 11.1).
absl::string_view BearerOf(absl::string_view header) {
  constexpr absl::string_view kScheme = "bearer ";
  if (!absl::StartsWithIgnoreCase(header, kScheme)) return "";
  return absl::StripAsciiWhitespace(header.substr(kScheme.size()));
}

// "10.0.0.7:5123", "[::1]:5123"; gRPC says "ipv4:10.0.0.7:5123", "ipv6:%5B::1%5D:5123".
std::string PeerAddress(const grpc::CallbackServerContext& context) {
  const std::string peer = context.peer();
  absl::string_view address = peer;
  if (absl::ConsumePrefix(&address, "ipv4:") || absl::ConsumePrefix(&address, "ipv6:")) {
    return absl::StrReplaceAll(address, {{"%5B", "["}, {"%5D", "]"}});
  }
  return std::string(Find(context.client_metadata(), kPeerHeader));
}

}  // namespace

std::string RequestHash(const Message& request) {
  return absl::StrCat(std::string(request.GetDescriptor()->full_name()), ":", PayloadHash(request));
}

std::unique_ptr<ServerInterceptorFactoryInterface> NoteWhatCallsAsk() {
  return std::make_unique<Factory>();
}

void Admit(const Edge& edge, const grpc::CallbackServerContext& context, auth::CallerDone done) {
  if (edge.guard() == nullptr) return done(auth::CallerPtr());
  const Metadata& metadata = context.client_metadata();
  const absl::string_view method = Find(metadata, kMethodNote);
  const auth::Permission* permission = auth::FindPermission(method);
  auth::Ask ask{.verb = "call", .resource = "unknown"};  // of a method that the table lacks
  if (permission != nullptr) {
    ask = {.verb = permission->verb,
           .resource = permission->resource,
           .subresource = permission->subresource,
           .ns = std::string(Find(metadata, kNamespaceNote))};
  }
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  grpc::string_ref certificate;
  if (peer != nullptr) {
    const std::vector<grpc::string_ref> found = peer->FindPropertyValues("x509_pem_cert");
    if (!found.empty()) certificate = found.front();
  }
  const std::string address = PeerAddress(context);
  edge.guard()->Admit({.bearer = BearerOf(Find(metadata, "authorization")),
                       .certificate = View(certificate),
                       .seal = Find(metadata, kSealHeader),
                       .request = Find(metadata, kRequestNote),
                       .peer = address},
                      ask, std::move(done));
}

}  // namespace spawner::api
