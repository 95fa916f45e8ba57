// Goal: whatever a client or a proxy sends that is a message of the method, the controller does not
// crash, and an error says what it is: a code that is neither INTERNAL nor UNKNOWN, and a reason.
// Method: the real core on the Kubernetes of the simulation, behind the real gRPC port. The input
// is a tape that picks up to kCallsMax methods and fills their requests, field by field, valid
// ones, bounds and nonsense in turn (api_message.h). A call that takes longer than kPatience of the
// simulation's time is cancelled, as clients do. Several inputs share a world, so that there is
// something to find in it. With API_FUZZ_TRACE in the environment each call's end is printed.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "controller/api/edge.h"
#include "controller/api/fake_logs.h"
#include "controller/api/grpc_port.h"
#include "controller/api/key_ring.h"
#include "controller/api/urls.h"
#include "controller/core/templates.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/rpc/error_details.pb.h"
#include "spawner/v1/admin.pb.h"
#include "spawner/v1/proxy_link.pb.h"
#include "spawner/v1/sessions.pb.h"
#include "spawner/v1/templates.pb.h"
#include "tests/fuzz/api_message.h"
#include "tests/sim/world.h"

namespace spawner::fuzz {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

constexpr int kCallsMax = 6;
constexpr int kInputsPerWorld = 64;
constexpr int kMessagesMax = 8;  // of one stream, each way
constexpr size_t kRequestBytesMax = 1 << 20;
constexpr absl::Duration kTick = absl::Milliseconds(5);
constexpr absl::Duration kPatience = absl::Seconds(2);
constexpr int kStuckTicks = 20'000;  // cancelled, and still no end: some seconds of real time

std::vector<const MethodDescriptor*> Methods() {
  std::vector<const MethodDescriptor*> methods;
  for (const google::protobuf::FileDescriptor* file :
       {v1::ConnectRequest::descriptor()->file(), v1::Template::descriptor()->file(),
        v1::GetStatusRequest::descriptor()->file(), v1::ProxyMessage::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        methods.push_back(file->service(s)->method(m));
      }
    }
  }
  return methods;
}

std::unique_ptr<Message> New(const google::protobuf::Descriptor* descriptor) {
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
}

// Everything of a controller, turned by the thread of the fuzzer.
class Target {
 public:
  Target()
      : edge_([this](std::function<void()> work) { Post(std::move(work)); }, world_.clock,
              {.namespaces = {sim::kNamespace},
               .urls = *api::SessionUrls::Make("http://proxy.test:8080", ""),
               .start_time = world_.clock.WallNow()}),
        port_(edge_) {
    world_.StartProxy(0);
    world_.RunUntil([this] { return world_.leader() != nullptr; }, absl::Minutes(1));
    world_.RunFor(absl::Seconds(1));
    if (!port_.Start({"127.0.0.1", 0}).ok()) std::abort();
    edge_.SetTemplates(templates_);
    SeededRandom random(7);
    edge_.Open(world_.controller(0)->engine.core(), logs_, api::MakeKeyRing(random));
    stub_ = std::make_unique<grpc::GenericStub>(port_.InProcessChannel());
  }
  ~Target() {
    edge_.EndStreams();
    bool is_drained = false;
    std::thread drain([this, &is_drained] {
      port_.Drain(absl::Seconds(3));
      Post([&is_drained] { is_drained = true; });
    });
    while (!is_drained) Turn();
    drain.join();
    edge_.Close();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  // One call with these requests (one of them unless the client streams). Its end.
  grpc::Status Call(const MethodDescriptor& method, const std::vector<grpc::ByteBuffer>& requests,
                    std::vector<grpc::ByteBuffer>& answers);
  Names& names() { return names_; }

 private:
  void Post(std::function<void()> work) {
    const std::lock_guard<std::mutex> lock(mutex_);
    posted_.push_back(std::move(work));
  }
  void Turn() {
    std::vector<std::function<void()>> work;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      work.swap(posted_);
    }
    for (const std::function<void()>& one : work) one();
    world_.RunFor(kTick);
  }
  // Of the one operation under way.
  bool Await(grpc::ClientContext& context) {
    const Instant patience_is_over = world_.clock.Now() + kPatience;
    for (int ticks = 0; ticks < kStuckTicks; ++ticks) {
      void* tag = nullptr;
      bool ok = false;
      const auto status = queue_.AsyncNext(&tag, &ok, gpr_time_from_micros(20, GPR_TIMESPAN));
      if (status == grpc::CompletionQueue::GOT_EVENT) return ok;
      Turn();
      if (world_.clock.Now() >= patience_is_over) context.TryCancel();
    }
    std::fprintf(stderr, "a cancelled call does not end\n");
    std::abort();
  }

  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  struct RunningWorld : sim::World {
    RunningWorld() : sim::World(1) { StartController(0); }
  } world_;
  core::Templates templates_{world_.controller(0)->client};
  api::FakeLogs logs_;
  api::Edge edge_;
  api::GrpcPort port_;
  std::unique_ptr<grpc::GenericStub> stub_;
  grpc::CompletionQueue queue_;
  Names names_;
};

grpc::Status Target::Call(const MethodDescriptor& method,
                          const std::vector<grpc::ByteBuffer>& requests,
                          std::vector<grpc::ByteBuffer>& answers) {
  const std::string path = absl::StrCat("/", method.service()->full_name(), "/", method.name());
  grpc::ClientContext context;
  const std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call =
      stub_->PrepareCall(&context, path, &queue_);
  call->StartCall(this);
  bool is_open = Await(context);
  for (size_t i = 0; i < requests.size() && is_open; ++i) {
    call->Write(requests[i], this);
    is_open = Await(context);
  }
  if (is_open) {
    call->WritesDone(this);
    is_open = Await(context);
  }
  for (int i = 0; i < kMessagesMax; ++i) {
    grpc::ByteBuffer answer;
    call->Read(&answer, this);
    if (!Await(context)) break;
    answers.push_back(answer);
  }
  if (answers.size() == kMessagesMax) context.TryCancel();
  grpc::Status status;
  call->Finish(&status, this);
  Await(context);
  return status;
}

void Check(const MethodDescriptor& method, const grpc::Status& status) {
  std::string reason;
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  for (const google::protobuf::Any& detail : details.details()) {
    google::rpc::ErrorInfo info;
    if (detail.UnpackTo(&info)) reason = info.reason();
  }
  static const bool must_tell = std::getenv("API_FUZZ_TRACE") != nullptr;
  if (must_tell) {
    std::fprintf(stderr, "call %s: %d %s %s\n", method.full_name().c_str(), status.error_code(),
                 reason.c_str(), status.error_message().c_str());
  }
  bool is_good = true;
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
    case grpc::StatusCode::CANCELLED:
      break;
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::DATA_LOSS:
      is_good = false;
      break;
    case grpc::StatusCode::UNIMPLEMENTED:
      is_good = !status.error_message().empty();
      break;
    default:
      is_good = !reason.empty() && !status.error_message().empty();
  }
  if (is_good) return;
  std::fprintf(stderr, "%s answered %d (reason \"%s\"): %s\n", method.full_name().c_str(),
               status.error_code(), reason.c_str(), status.error_message().c_str());
  std::abort();
}

grpc::ByteBuffer BytesOf(const Message& message) {
  const std::string bytes = message.SerializeAsString();
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

// What later requests of the input name.
void Learn(const grpc::ByteBuffer& answer, Names& names) {
  grpc::Slice slice;
  v1::ConnectResponse response;
  if (!answer.TrySingleSlice(&slice).ok() ||
      !response.ParseFromArray(slice.begin(), static_cast<int>(slice.size())) ||
      !response.has_session()) {
    return;
  }
  const std::string& name = response.session().name();
  names.session = name.substr(name.rfind('/') + 1);
  names.epoch = response.session().epoch();
  names.etag = response.session().etag();
}

void CallOnce(Target& target, Tape& tape) {
  static const std::vector<const MethodDescriptor*>& methods =
      *new std::vector<const MethodDescriptor*>(Methods());
  // Half of all calls are Connects: the first method.
  const size_t choice = tape.Choose(2 * methods.size());
  const MethodDescriptor& method = *methods[choice < methods.size() ? choice : 0];
  std::vector<grpc::ByteBuffer> requests;
  size_t bytes = 0;
  for (int i = 0; i < (method.client_streaming() ? kMessagesMax : 1); ++i) {
    const std::unique_ptr<Message> request = New(method.input_type());
    if (i == 0 && method.client_streaming() && tape.Choose(4) != 3) {
      v1::Hello& hello = *static_cast<v1::ProxyMessage&>(*request).mutable_hello();
      hello.set_proxy_id("fuzz");
      hello.set_generation(1);
      hello.mutable_usage()->set_complete(true);
    } else {
      Fill(tape, target.names(), *request);
    }
    bytes += request->ByteSizeLong();
    if (bytes > kRequestBytesMax) return;
    requests.push_back(BytesOf(*request));
    if (tape.is_over()) break;
  }
  std::vector<grpc::ByteBuffer> answers;
  Check(method, target.Call(method, requests, answers));
  if (method.name() == "Connect" && !method.client_streaming() && !answers.empty()) {
    Learn(answers[0], target.names());
  }
}

}  // namespace
}  // namespace spawner::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using spawner::fuzz::Target;
  static std::unique_ptr<Target>& target = *new std::unique_ptr<Target>();
  static int inputs = 0;
  if (inputs++ % spawner::fuzz::kInputsPerWorld == 0) {
    target = nullptr;
    target = std::make_unique<Target>();
  }
  spawner::fuzz::Tape tape(data, size);
  for (int i = 0; i < spawner::fuzz::kCallsMax && !tape.is_over(); ++i) {
    spawner::fuzz::CallOnce(*target, tape);
  }
  return 0;
}
