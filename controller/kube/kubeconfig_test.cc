#include "controller/kube/kubeconfig.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace spawner::kube {
namespace {

constexpr char kCert[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
constexpr char kKey[] = "-----BEGIN EC PRIVATE KEY-----\nBBBB\n-----END EC PRIVATE KEY-----\n";

// Two contexts: "files" names files beside the kubeconfig, "data" holds all in itself.
std::string Text() {
  return absl::StrCat(R"(apiVersion: v1
kind: Config
current-context: files
contexts:
- name: files
  context: {cluster: c1, user: u1, namespace: team}
- name: data
  context: {cluster: c2, user: u2}
- name: anonymous
  context: {cluster: c2}
clusters:
- name: c1
  cluster: {server: "https://10.0.0.1:6443/", certificate-authority: pki/ca.crt}
- name: c2
  cluster:
    server: https://[::1]:6443
    tls-server-name: kubernetes
    certificate-authority-data: )",
                      absl::Base64Escape(kCert), R"(
users:
- name: u1
  user: {tokenFile: pki/token}
- name: u2
  user:
    token: 012345
    client-certificate-data: )",
                      absl::Base64Escape(kCert),
                      "\n    client-key-data: ", absl::Base64Escape(kKey), "\n");
}

class KubeconfigTest : public testing::Test {
 protected:
  KubeconfigTest() {
    std::filesystem::create_directories(directory_ + "/pki");
    Write("pki/ca.crt", kCert);
    Write("ca.crt", kCert);
    Write("token", "t");
    Write("namespace", "team\n");
  }
  ~KubeconfigTest() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/" + name) << text;
  }
  absl::StatusOr<KubeConfig> Read(const std::string& text, const std::string& context = "") {
    Write("config", text);
    return ReadKubeconfig(directory_ + "/config", context);
  }
  // What is wrong with Text() when `from` is replaced, without the file's own path.
  std::string ErrorWith(absl::string_view from, absl::string_view to,
                        const std::string& context = "") {
    const absl::Status status = Read(absl::StrReplaceAll(Text(), {{from, to}}), context).status();
    return absl::StrReplaceAll(status.message(), {{directory_ + "/config: ", ""}});
  }
  absl::StatusOr<KubeConfig> InCluster(std::string host, std::string port) {
    return ReadInClusterConfig(
        {.host = std::move(host), .port = std::move(port), .directory = directory_});
  }

  const std::string directory_ =
      testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(KubeconfigTest, ReadsTheCurrentContextAndFilesBesideIt) {
  const absl::StatusOr<KubeConfig> config = Read(Text());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server, "https://10.0.0.1:6443");
  EXPECT_EQ(config->ns, "team");
  EXPECT_EQ(config->ca_pem, kCert);
  EXPECT_EQ(config->token_file, directory_ + "/pki/token");
  EXPECT_EQ(config->token, "");
  EXPECT_TRUE(config->warnings.empty());
}

TEST_F(KubeconfigTest, ReadsANamedContextAndDataInItself) {
  const absl::StatusOr<KubeConfig> config = Read(Text(), "data");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server, "https://[::1]:6443");
  EXPECT_EQ(config->tls_server_name, "kubernetes");
  EXPECT_EQ(config->token, "012345") << "not a number";
  EXPECT_EQ(config->client_cert_pem, kCert);
  EXPECT_EQ(config->client_key_pem, kKey);
  EXPECT_TRUE(Read(Text(), "anonymous").ok());
}

TEST_F(KubeconfigTest, SaysWhatFileIsMissing) {
  EXPECT_EQ(ReadKubeconfig(directory_ + "/none").status(),
            absl::NotFoundError("read " + directory_ + "/none: No such file or directory"));
  EXPECT_EQ(ErrorWith("pki/ca.crt", "none.crt"),
            absl::StrCat("cluster \"c1\": certificate-authority: read ", directory_,
                         "/none.crt: No such file or directory"));
}

TEST_F(KubeconfigTest, SaysWhereItIsMalformed) {
  EXPECT_EQ(
      Read("a: b: c").status(),
      absl::InvalidArgumentError(directory_ + "/config: not YAML: line 1: illegal map value"));
  EXPECT_EQ(Read("").status().message(),
            directory_ + "/config: document: is of type null, not an object");
  EXPECT_EQ(ErrorWith("contexts:\n", "contexts: 7\nx:\n"),
            "context \"files\": not in contexts, which has: nothing");
  EXPECT_EQ(ErrorWith("cluster: c1, ", ""), "contexts[0].context.cluster: missing");
  EXPECT_EQ(ErrorWith("https://10.0.0.1:6443/", ""),
            "cluster \"c1\": clusters[0].cluster.server: empty");
  EXPECT_EQ(ErrorWith("https://10.0.0.1:6443/", "10.0.0.1"),
            "cluster \"c1\": server: \"10.0.0.1\" is not https://HOST:PORT");
  EXPECT_EQ(ErrorWith(absl::Base64Escape(kKey), "x!", "data"),
            "user \"u2\": client-key-data: not base64");
  EXPECT_EQ(ErrorWith(absl::Base64Escape(kKey), "QUJD", "data"),
            "user \"u2\": client-key-data: has no PEM block of a PRIVATE KEY");
  EXPECT_EQ(ErrorWith("client-key-data", "x", "data"),
            "user \"u2\": client-certificate and client-key: one without the other");
}

TEST_F(KubeconfigTest, NamesAnUnknownContextClusterOrUserAndWhatThereIs) {
  EXPECT_EQ(ErrorWith("", "", "nope"),
            "context \"nope\": not in contexts, which has: files, data, anonymous");
  EXPECT_EQ(ErrorWith("current-context: files", ""),
            "current-context: missing; set one or name a context");
  EXPECT_EQ(ErrorWith("cluster: c1", "cluster: c9"),
            "cluster \"c9\": not in clusters, which has: c1, c2");
  EXPECT_EQ(ErrorWith("user: u1", "user: u9"), "user \"u9\": not in users, which has: u1, u2");
}

TEST_F(KubeconfigTest, RefusesWhatItDoesNotSupport) {
  EXPECT_EQ(ErrorWith("tokenFile: pki/token", "exec: {command: aws}"),
            "user \"u1\": exec: not supported; use a client certificate, a token or a tokenFile");
  EXPECT_EQ(ErrorWith("tokenFile: pki/token", "auth-provider: {name: gcp}"),
            "user \"u1\": auth-provider: not supported; use a client certificate, a token or a "
            "tokenFile");
  EXPECT_EQ(ErrorWith("certificate-authority: pki/ca.crt", "proxy-url: http://p:1"),
            "cluster \"c1\": proxy-url: not supported; reach the server directly");
}

TEST_F(KubeconfigTest, WarnsOfSkippedVerification) {
  const absl::StatusOr<KubeConfig> config = Read(absl::StrReplaceAll(
      Text(), {{"certificate-authority: pki/ca.crt", "insecure-skip-tls-verify: true"}}));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->skip_tls_verify);
  ASSERT_EQ(config->warnings.size(), 1u);
  EXPECT_TRUE(absl::StartsWith(config->warnings[0], "insecure-skip-tls-verify: "));
}

TEST_F(KubeconfigTest, ReadsWhatAPodIsGiven) {
  const absl::StatusOr<KubeConfig> config = InCluster("10.96.0.1", "443");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server, "https://10.96.0.1:443");
  EXPECT_EQ(config->ca_pem, kCert);
  EXPECT_EQ(config->token_file, directory_ + "/token");
  EXPECT_EQ(config->ns, "team");
  EXPECT_EQ(InCluster("fd00::1", "443")->server, "https://[fd00::1]:443");
}

TEST_F(KubeconfigTest, SaysWhatAPodIsNotGiven) {
  EXPECT_EQ(InCluster("", "443").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(InCluster("h", "70000").status(),
            absl::InvalidArgumentError("KUBERNETES_SERVICE_PORT: \"70000\" is not 1 to 65535"));
  std::filesystem::remove(directory_ + "/token");
  EXPECT_EQ(InCluster("h", "443").status(),
            absl::NotFoundError("read " + directory_ + "/token: No such file or directory"));
  Write("ca.crt", "rubbish");
  EXPECT_EQ(InCluster("h", "443").status().message(),
            directory_ + "/ca.crt: has no PEM block of a CERTIFICATE");
}

}  // namespace
}  // namespace spawner::kube
