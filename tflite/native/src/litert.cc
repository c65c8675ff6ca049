#include "litert.h"

#include <dlfcn.h>
#include <link.h>

#include <cstdlib>
#include <filesystem>

#include "keras_dynres/error.h"
#include "text.h"

namespace keras_dynres::litert {
namespace {

// The table of all functions grows with each release; it tells them apart where the
// wheel's own record is not beside the library. So large is it in kVersion.
constexpr char kTable[] = "kLiteRtRuntimeBuiltin";
constexpr size_t kTableSize = 169 * sizeof(void*);

// What the wheel's record says, or nothing.
std::string wheel_version(const std::filesystem::path& library) {
  const std::string start = "ai_edge_litert-", end = ".dist-info";
  std::error_code none;
  auto packages = library.parent_path().parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(packages, none)) {
    std::string name = entry.path().filename().string();
    size_t length = name.size() - start.size() - end.size();
    if (name.size() > start.size() + end.size() && name.rfind(start, 0) == 0 &&
        name.substr(name.size() - end.size()) == end) {
      return name.substr(start.size(), length);
    }
  }
  return "";
}

size_t table_size(void* handle) {
  void* table = dlsym(handle, kTable);
  Dl_info info;
  ElfW(Sym)* symbol = nullptr;
  if (!table || !dladdr1(table, &info, reinterpret_cast<void**>(&symbol),
                         RTLD_DL_SYMENT)) {
    return 0;
  }
  return symbol ? symbol->st_size : 0;
}

void check_version(void* handle, const std::string& name) {
  link_map* map = nullptr;
  dlinfo(handle, RTLD_DI_LINKMAP, &map);
  std::error_code none;
  auto path = std::filesystem::canonical(map ? map->l_name : name, none);
  std::string version = wheel_version(path);
  bool known = version.empty() || version == kVersion;
  if (known && table_size(handle) == kTableSize) return;
  if (known) version = "another one, or no LiteRT";
  throw Error(std::string("The LiteRT library must be that of ai-edge-litert ") +
              kVersion + ", whose functions this program knows. Received: " + version +
              ", path=" + in_quotes(name) + ".");
}

}  // namespace

std::string library_name(const std::string& asked) {
  if (!asked.empty()) return asked;
  const char* name = std::getenv("KERAS_DYNRES_LITERT");
  return name && *name ? name : "libLiteRt.so";
}

Library::Library(const std::string& name) : name_(name) {
  handle_ = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle_) {
    const char* reason = dlerror();
    throw Error("The LiteRT library cannot be loaded (" +
                std::string(reason ? reason : "no reason given") +
                "): give the path of libLiteRt.so out of the wheel ai-edge-litert " +
                kVersion + " by --library or KERAS_DYNRES_LITERT. Received: path=" +
                in_quotes(name) + ".");
  }
  check_version(handle_, name);
  find(create_environment, "LiteRtCreateEnvironment");
  find(destroy_environment, "LiteRtDestroyEnvironment");
  find(create_model, "LiteRtCreateModelFromBuffer");
  find(destroy_model, "LiteRtDestroyModel");
  find(count_signatures, "LiteRtGetNumModelSignatures");
  find(get_signature, "LiteRtGetModelSignature");
  find(get_key, "LiteRtGetSignatureKey");
  find(count_inputs, "LiteRtGetNumSignatureInputs");
  find(get_input_name, "LiteRtGetSignatureInputName");
  find(get_input, "LiteRtGetSignatureInputTensorByIndex");
  find(count_outputs, "LiteRtGetNumSignatureOutputs");
  find(get_output_name, "LiteRtGetSignatureOutputName");
  find(get_output, "LiteRtGetSignatureOutputTensorByIndex");
  find(get_type, "LiteRtGetRankedTensorType");
  find(create_options, "LiteRtCreateOptions");
  find(destroy_options, "LiteRtDestroyOptions");
  find(set_accelerators, "LiteRtSetOptionsHardwareAccelerators");
  find(create_opaque, "LiteRtCreateOpaqueOptions");
  find(add_opaque, "LiteRtAddOpaqueOptions");
  find(compile, "LiteRtCreateCompiledModel");
  find(destroy_compiled, "LiteRtDestroyCompiledModel");
  find(create_buffer, "LiteRtCreateManagedTensorBuffer");
  find(destroy_buffer, "LiteRtDestroyTensorBuffer");
  find(lock, "LiteRtLockTensorBuffer");
  find(unlock, "LiteRtUnlockTensorBuffer");
  find(run, "LiteRtRunCompiledModel");
}

template <typename Function>
void Library::find(Function& function, const char* name) {
  void* place = dlsym(handle_, name);
  if (!place) {
    throw Error(std::string("The LiteRT library has no function ") + name +
                ". Received: path=" + in_quotes(name_) + ".");
  }
  function = reinterpret_cast<Function>(place);
}

}  // namespace keras_dynres::litert
