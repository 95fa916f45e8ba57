#ifndef SPAWNER_CONTROLLER_API_HTTP_TEST_CLIENT_H_
#define SPAWNER_CONTROLLER_API_HTTP_TEST_CLIENT_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <string>
#include <utility>

namespace spawner::api {

// One connection to a port of loopback, used from the test's thread.
class HttpTestClient {
 public:
  explicit HttpTestClient(int port) : socket_(context_) {
    socket_.connect({boost::asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(port)});
  }

  void Send(const std::string& bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }
  // All that comes up to and with `end`; what there is if the connection ends before.
  std::string ReadUntil(const std::string& end) {
    boost::system::error_code error;
    const size_t size =
        boost::asio::read_until(socket_, boost::asio::dynamic_buffer(read_), end, error);
    std::string piece = read_.substr(0, error ? read_.size() : size);
    read_.erase(0, piece.size());
    return piece;
  }
  std::string ReadToEnd() {
    boost::system::error_code error;
    boost::asio::read(socket_, boost::asio::dynamic_buffer(read_), error);
    return std::exchange(read_, {});
  }

 private:
  boost::asio::io_context context_;
  boost::asio::ip::tcp::socket socket_;
  std::string read_;
};

// Sends the bytes and reads to the end of the connection.
inline std::string HttpExchangeBytes(int port, const std::string& bytes) {
  HttpTestClient client(port);
  client.Send(bytes);
  return client.ReadToEnd();
}

}  // namespace spawner::api

#endif  // SPAWNER_CONTROLLER_API_HTTP_TEST_CLIENT_H_
