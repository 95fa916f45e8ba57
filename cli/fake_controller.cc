#include "cli/fake_controller.h"

#include "absl/strings/str_cat.h"

namespace spawner::cli {

namespace {

using Context = grpc::ServerContext;

class Sessions final : public v1::Sessions::Service {
 public:
  explicit Sessions(FakeController& fake) : fake_(fake) {}
  grpc::Status Connect(Context*, const v1::ConnectRequest* request,
                       v1::ConnectResponse* response) override {
    return fake_.connect.Answer(request, response);
  }
  grpc::Status GetSession(Context*, const v1::GetSessionRequest* request,
                          v1::Session* response) override {
    return fake_.get.Answer(request, response);
  }
  grpc::Status ListSessions(Context*, const v1::ListSessionsRequest* request,
                            v1::ListSessionsResponse* response) override {
    return fake_.list.Answer(request, response);
  }
  grpc::Status WaitSession(Context*, const v1::WaitSessionRequest* request,
                           v1::Session* response) override {
    return fake_.wait.Answer(request, response);
  }
  grpc::Status TerminateSession(Context*, const v1::TerminateSessionRequest* request,
                                v1::Session* response) override {
    return fake_.terminate.Answer(request, response);
  }
  grpc::Status KeepAlive(Context*, const v1::KeepAliveRequest* request,
                         v1::KeepAliveResponse* response) override {
    return fake_.keep_alive.Answer(request, response);
  }
  grpc::Status ExplainSession(Context*, const v1::ExplainSessionRequest* request,
                              v1::ExplainSessionResponse* response) override {
    return fake_.explain.Answer(request, response);
  }
  grpc::Status CreateGrant(Context*, const v1::CreateGrantRequest* request,
                           v1::CreateGrantResponse* response) override {
    return fake_.create_grant.Answer(request, response);
  }
  grpc::Status RevokeGrant(Context*, const v1::RevokeGrantRequest* request,
                           v1::RevokeGrantResponse* response) override {
    return fake_.revoke_grant.Answer(request, response);
  }
  grpc::Status StreamLogs(Context*, const v1::StreamLogsRequest* request,
                          grpc::ServerWriter<v1::StreamLogsResponse>* writer) override {
    v1::StreamLogsResponse response;
    const grpc::Status status = fake_.logs.Answer(request, &response);
    writer->Write(response);
    return status;
  }

 private:
  FakeController& fake_;
};

class Admin final : public v1::Admin::Service {
 public:
  explicit Admin(FakeController& fake) : fake_(fake) {}
  grpc::Status GetStatus(Context*, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override {
    return fake_.status.Answer(request, response);
  }
  grpc::Status ListProxies(Context*, const v1::ListProxiesRequest* request,
                           v1::ListProxiesResponse* response) override {
    return fake_.proxies.Answer(request, response);
  }
  grpc::Status DrainProxy(Context*, const v1::DrainProxyRequest* request,
                          v1::DrainProxyResponse* response) override {
    return fake_.drain_proxy.Answer(request, response);
  }
  grpc::Status DrainNode(Context*, const v1::DrainNodeRequest* request,
                         v1::DrainNodeResponse* response) override {
    return fake_.drain_node.Answer(request, response);
  }
  grpc::Status RotateKeys(Context*, const v1::RotateKeysRequest* request,
                          v1::RotateKeysResponse* response) override {
    return fake_.rotate.Answer(request, response);
  }
  grpc::Status GetQuotas(Context*, const v1::GetQuotasRequest* request,
                         v1::GetQuotasResponse* response) override {
    return fake_.quotas.Answer(request, response);
  }
  grpc::Status Diagnose(Context*, const v1::DiagnoseRequest*,
                        grpc::ServerWriter<v1::DiagnoseResponse>* writer) override {
    for (const v1::DiagnoseResponse& finding : fake_.findings) writer->Write(finding);
    return grpc::Status::OK;
  }
  grpc::Status Uninstall(Context*, const v1::UninstallRequest* request,
                         grpc::ServerWriter<v1::UninstallResponse>* writer) override {
    fake_.uninstalls.push_back(request->confirm());
    v1::UninstallResponse response;
    response.set_message(request->confirm() ? "deleted 2 sessions" : "would delete 2 sessions");
    writer->Write(response);
    return grpc::Status::OK;
  }

 private:
  FakeController& fake_;
};

class Templates final : public v1::Templates::Service {
 public:
  explicit Templates(FakeController& fake) : fake_(fake) {}
  grpc::Status ListTemplates(Context*, const v1::ListTemplatesRequest* request,
                             v1::ListTemplatesResponse* response) override {
    return fake_.templates.Answer(request, response);
  }
  grpc::Status GetTemplate(Context*, const v1::GetTemplateRequest* request,
                           v1::Template* response) override {
    return fake_.get_template.Answer(request, response);
  }
  grpc::Status ApplyTemplate(Context*, const v1::ApplyTemplateRequest* request,
                             v1::Template* response) override {
    return fake_.apply.Answer(request, response);
  }
  grpc::Status DeleteTemplate(Context*, const v1::DeleteTemplateRequest* request,
                              google::protobuf::Empty* response) override {
    return fake_.delete_template.Answer(request, response);
  }

 private:
  FakeController& fake_;
};

}  // namespace

class FakeController::Services {
 public:
  explicit Services(FakeController& fake) : sessions(fake), admin(fake), templates(fake) {}
  Sessions sessions;
  Admin admin;
  Templates templates;
};

FakeController::FakeController() : services_(std::make_unique<Services>(*this)) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&services_->sessions);
  builder.RegisterService(&services_->admin);
  builder.RegisterService(&services_->templates);
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeController::~FakeController() { server_->Shutdown(); }

Written FakeController::Run(const std::vector<std::string>& words) {
  Written written;
  InterruptFlag interrupted{false};
  written.code =
      cli::Run(words, {.environment = [this](const char* name) -> std::string {
                         if (const std::string set = environment(name); !set.empty()) return set;
                         if (std::string(name) == "SPAWNER_ADDRESS") return address_;
                         return std::string(name) == "USER" ? "ada" : "";
                       },
                       .out = [&written](const std::string& text) { written.out += text; },
                       .err = [&written](const std::string& text) { written.err += text; },
                       .read_line = [this] { return typed; },
                       .is_terminal = is_terminal,
                       .is_input_terminal = !typed.empty(),
                       .interrupted = &interrupted,
                       .now = [this] { return now; }});
  return written;
}

}  // namespace spawner::cli
