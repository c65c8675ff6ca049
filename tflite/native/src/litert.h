// LiteRT's C API, as far as a bundle needs it, out of a library that is loaded by name.
//
// The wheel ships the library without headers, so the prototypes stand here. They are
// those of one release; which one a library is, is checked before anything is called.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace keras_dynres::litert {

// The release whose prototypes these are.
constexpr char kVersion[] = "2.3.0";

using Status = int;  // 0 is well

// Handles: what they point at is the library's own.
using Environment = struct EnvironmentT*;
using Model = struct ModelT*;
using Signature = struct SignatureT*;
using Tensor = struct TensorT*;
using Options = struct OptionsT*;
using OpaqueOptions = struct OpaqueOptionsT*;
using CompiledModel = struct CompiledModelT*;
using Buffer = struct BufferT*;

struct Any {
  int type;
  union {
    bool truth;
    int64_t number;
    double real;
    const void* pointer;
  };
};

struct EnvironmentOption {
  int tag;
  Any value;
};

struct TensorType {
  int element;
  uint32_t rank : 7;
  uint32_t has_strides : 1;
  int32_t dimensions[8];
  uint32_t strides[8];
};
static_assert(sizeof(TensorType) == 72, "as the library has it");

constexpr int kInt = 2;                  // of Any
constexpr int kLeastLogSeverity = 25;    // of EnvironmentOption
constexpr int kSoughtAccelerators = 24;
constexpr int kSilent = 4;
constexpr int kCpu = 1;                  // of accelerators
constexpr int kHostMemory = 1;           // of buffers
constexpr int kRead = 0, kWrite = 1;     // of locks

// The functions of a library. There is one a process for each file: the dynamic linker
// counts, and closing one while the runtime's threads live would take their code away.
class Library {
 public:
  // A path, or a name that the dynamic linker knows. Throws unless it is LiteRT of the
  // known version.
  explicit Library(const std::string& name);

  Status (*create_environment)(int, const EnvironmentOption*, Environment*);
  void (*destroy_environment)(Environment);
  Status (*create_model)(Environment, const void*, size_t, Model*);
  void (*destroy_model)(Model);
  Status (*count_signatures)(Model, size_t*);
  Status (*get_signature)(Model, size_t, Signature*);
  Status (*get_key)(Signature, const char**);
  Status (*count_inputs)(Signature, size_t*);
  Status (*get_input_name)(Signature, size_t, const char**);
  Status (*get_input)(Signature, size_t, Tensor*);
  Status (*count_outputs)(Signature, size_t*);
  Status (*get_output_name)(Signature, size_t, const char**);
  Status (*get_output)(Signature, size_t, Tensor*);
  Status (*get_type)(Tensor, TensorType*);
  Status (*create_options)(Options*);
  void (*destroy_options)(Options);
  Status (*set_accelerators)(Options, int);
  Status (*create_opaque)(const char*, void*, void (*)(void*), OpaqueOptions*);
  Status (*add_opaque)(Options, OpaqueOptions);
  Status (*compile)(Environment, Model, Options, CompiledModel*);
  void (*destroy_compiled)(CompiledModel);
  Status (*create_buffer)(Environment, int, const TensorType*, size_t, Buffer*);
  void (*destroy_buffer)(Buffer);
  Status (*lock)(Buffer, void**, int);
  Status (*unlock)(Buffer);
  Status (*run)(CompiledModel, size_t, size_t, Buffer*, size_t, Buffer*);

 private:
  template <typename Function>
  void find(Function& function, const char* name);

  void* handle_ = nullptr;
  std::string name_;
};

// The library that is asked for, or that KERAS_DYNRES_LITERT names, or that the linker
// finds, in this order.
std::string library_name(const std::string& asked);

}  // namespace keras_dynres::litert
