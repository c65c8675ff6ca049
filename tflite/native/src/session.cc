#include "session.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "text.h"

namespace keras_dynres {
namespace {

// Bytes of an element, by the numbers that TFLite gives to types; 0 for those that are
// no plain numbers.
size_t element_size(int element) {
  switch (element) {
    case 3: case 6: case 9: return 1;    // uint8, bool, int8
    case 7: case 10: case 17: return 2;  // int16, float16, uint16
    case 1: case 2: case 16: return 4;   // float32, int32, uint32
    case 4: case 11: case 13: return 8;  // int64, float64, uint64
  }
  return 0;
}

// Keys stand in quotes in a line of options, which knows no escapes.
bool selectable(const std::string& key) {
  return key.find_first_of("\"\\,[]\n") == std::string::npos;
}

litert::Buffer* handles(std::vector<litert::Buffer>& buffers) {
  return buffers.empty() ? nullptr : buffers.data();
}

}  // namespace

Runtime::Runtime(const std::string& library, const Bundle& bundle)
    : api(litert::library_name(library)) {
  litert::EnvironmentOption options[] = {
      {litert::kLeastLogSeverity, {litert::kInt, {}}},
      {litert::kSoughtAccelerators, {litert::kInt, {}}}};
  options[0].value.number = litert::kSilent;
  // Else it looks for libraries of graphics processors, which a bundle is not run on.
  options[1].value.number = litert::kCpu;
  try {
    expect(api.create_environment(2, options, &environment), "start");
    auto status = api.create_model(environment, bundle.data(), bundle.size(), &model);
    expect(status, "read " + in_quotes(bundle.path()));
  } catch (...) {
    close();
    throw;
  }
}

Runtime::~Runtime() { close(); }

void Runtime::close() {
  if (model) api.destroy_model(model);
  if (environment) api.destroy_environment(environment);
}

void Runtime::expect(litert::Status status, const std::string& doing) {
  if (status == 0) return;
  throw Error("LiteRT could not " + doing + ". Received: status " +
              std::to_string(status) + ".");
}

Session::Session(const Runtime& runtime, const std::vector<std::string>& keys,
                 int threads)
    : runtime_(runtime) {
  try {
    compile(keys, threads);
    open(keys);
  } catch (...) {
    close();
    throw;
  }
}

Session::~Session() { close(); }

void Session::close() {
  for (auto& [key, ports] : ports_) {
    for (auto side : {&ports.inputs, &ports.outputs}) {
      for (Port& port : *side) runtime_.api.destroy_buffer(port.buffer);
    }
  }
  if (compiled_) runtime_.api.destroy_compiled(compiled_);
}

void Session::compile(const std::vector<std::string>& keys, int threads) {
  const litert::Library& api = runtime_.api;
  litert::Options options = nullptr;
  Runtime::expect(api.create_options(&options), "make options");
  auto destroy = [&](litert::Options made) { api.destroy_options(made); };
  std::unique_ptr<litert::OptionsT, decltype(destroy)> owner(options, destroy);
  Runtime::expect(api.set_accelerators(options, litert::kCpu), "choose the processor");
  add(options, "xnnpack", "num_threads = " + std::to_string(threads) + "\n");
  // Else every signature of the file is prepared, and the weights packed anew for each.
  if (std::all_of(keys.begin(), keys.end(), selectable)) {
    std::string list;
    for (const std::string& key : keys) {
      list += (list.empty() ? "\"" : ", \"") + key + '"';
    }
    add(options, "runtime_options_string",
        "selected_signature_keys = [" + list + "]\n");
  }
  auto status = api.compile(runtime_.environment, runtime_.model, options, &compiled_);
  Runtime::expect(status, "load " + joined(keys));
}

void Session::add(litert::Options options, const char* kind, const std::string& text) {
  char* payload = strdup(text.c_str());
  if (!payload) throw std::bad_alloc();
  litert::OpaqueOptions opaque = nullptr;
  Runtime::expect(runtime_.api.create_opaque(kind, payload, std::free, &opaque),
                  "take options");
  Runtime::expect(runtime_.api.add_opaque(options, opaque), "take options");
}

void Session::open(const std::vector<std::string>& keys) {
  const litert::Library& api = runtime_.api;
  auto doing = "describe " + joined(keys);
  size_t signatures = 0, count = 0;
  Runtime::expect(api.count_signatures(runtime_.model, &signatures), doing);
  for (size_t index = 0; index < signatures; ++index) {
    litert::Signature signature = nullptr;
    const char *key = nullptr, *name = nullptr;
    litert::Tensor tensor = nullptr;
    Runtime::expect(api.get_signature(runtime_.model, index, &signature), doing);
    Runtime::expect(api.get_key(signature, &key), doing);
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) continue;
    Ports& ports = ports_[key];
    ports.index = index;
    Runtime::expect(api.count_inputs(signature, &count), doing);
    for (size_t i = 0; i < count; ++i) {
      Runtime::expect(api.get_input_name(signature, i, &name), doing);
      Runtime::expect(api.get_input(signature, i, &tensor), doing);
      ports.inputs.push_back(port(name, tensor));
    }
    Runtime::expect(api.count_outputs(signature, &count), doing);
    for (size_t i = 0; i < count; ++i) {
      Runtime::expect(api.get_output_name(signature, i, &name), doing);
      Runtime::expect(api.get_output(signature, i, &tensor), doing);
      ports.outputs.push_back(port(name, tensor));
    }
  }
  for (const std::string& key : keys) {
    if (!ports_.count(key)) {
      throw Error("The bundle's graph has no signature " + in_quotes(key) + ".");
    }
  }
}

Session::Port Session::port(const char* name, litert::Tensor tensor) const {
  litert::TensorType type{};
  Runtime::expect(runtime_.api.get_type(tensor, &type), std::string("size ") + name);
  size_t size = element_size(type.element);
  for (uint32_t i = 0; i < type.rank; ++i) {
    size *= type.dimensions[i] > 0 ? type.dimensions[i] : 0;
  }
  if (!size) throw Error(in_quotes(name) + " has no size that is known beforehand.");
  litert::Buffer buffer = nullptr;
  auto status = runtime_.api.create_buffer(runtime_.environment, litert::kHostMemory,
                                           &type, size, &buffer);
  Runtime::expect(status, std::string("make room for ") + name);
  return {name, size, buffer};
}

std::vector<std::string> Session::inputs(const std::string& key) const {
  std::vector<std::string> names;
  for (const Port& port : ports_.at(key).inputs) names.push_back(port.name);
  return names;
}

Features Session::run(const std::string& key, const Features& features) {
  const litert::Library& api = runtime_.api;
  const Ports& ports = ports_.at(key);
  std::vector<litert::Buffer> inputs, outputs;
  void* memory = nullptr;
  for (const Port& port : ports.inputs) {
    auto feature = features.find(port.name);
    if (feature == features.end() || feature->second.size() != port.size) {
      throw Error(in_quotes(key) + " takes " + std::to_string(port.size) +
                  " bytes of " + in_quotes(port.name) + ".");
    }
    auto doing = "take " + port.name;
    Runtime::expect(api.lock(port.buffer, &memory, litert::kWrite), doing);
    std::memcpy(memory, feature->second.data(), port.size);
    Runtime::expect(api.unlock(port.buffer), doing);
    inputs.push_back(port.buffer);
  }
  for (const Port& port : ports.outputs) outputs.push_back(port.buffer);
  auto status = api.run(compiled_, ports.index, inputs.size(), handles(inputs),
                        outputs.size(), handles(outputs));
  Runtime::expect(status, "run " + in_quotes(key));
  Features made;
  for (const Port& port : ports.outputs) {
    auto doing = "give " + port.name;
    Runtime::expect(api.lock(port.buffer, &memory, litert::kRead), doing);
    auto bytes = static_cast<const uint8_t*>(memory);
    made[port.name].assign(bytes, bytes + port.size);
    Runtime::expect(api.unlock(port.buffer), doing);
  }
  return made;
}

}  // namespace keras_dynres
