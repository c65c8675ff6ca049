// Signatures of a bundle, loaded to be run; the others cost nothing.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "keras_dynres/bundle.h"
#include "litert.h"

namespace keras_dynres {

// Bytes of tensors by the names that a signature gives them.
using Features = std::map<std::string, std::vector<uint8_t>>;

// A library, and the model of a bundle. The bundle's bytes are used in place.
class Runtime {
 public:
  Runtime(const std::string& library, const Bundle& bundle);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Throws where a call did not end well.
  static void expect(litert::Status status, const std::string& doing);

  const litert::Library api;
  litert::Environment environment = nullptr;
  litert::Model model = nullptr;

 private:
  void close();
};

// Some signatures, compiled together: they share packed weights.
class Session {
 public:
  Session(const Runtime& runtime, const std::vector<std::string>& keys, int threads);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Names of what a signature takes.
  std::vector<std::string> inputs(const std::string& key) const;
  Features run(const std::string& key, const Features& features);

 private:
  struct Port {
    std::string name;
    size_t size;
    litert::Buffer buffer;
  };
  struct Ports {
    size_t index = 0;
    std::vector<Port> inputs, outputs;
  };

  void compile(const std::vector<std::string>& keys, int threads);
  void add(litert::Options options, const char* kind, const std::string& text);
  void open(const std::vector<std::string>& keys);
  Port port(const char* name, litert::Tensor tensor) const;
  void close();

  const Runtime& runtime_;
  litert::CompiledModel compiled_ = nullptr;
  std::map<std::string, Ports> ports_;
};

}  // namespace keras_dynres
