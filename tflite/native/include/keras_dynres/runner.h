// Runs a bundle: one instance at a time, at the price of one.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "keras_dynres/bundle.h"

namespace keras_dynres {

// An output of one image, row by row.
struct Tensor {
  std::string name;
  std::vector<int> shape;
  std::vector<float> values;
};

struct Prediction {
  size_t exit;  // the position of the stage that gave it
  std::vector<float> outputs;
};

struct Figures {
  double median_ms, min_ms, max_ms, iqr_ms;
  int repeats;
};

// A bundle, ready to run any instance of its menu on the processor.
//
// An instance is loaded when it is first run, alone, and stays until it is closed. One
// Runner serves one thread at a time. XNNPACK's weight cache stays off: it returns
// wrong logits for int8 kernels that instances share.
//
//   keras_dynres::Runner runner("net.tflite", 2);
//   auto image = runner.bundle().preprocess(pixels);
//   auto outputs = runner.run(image, "p3@0.5");
class Runner {
 public:
  // `library` is the path of libLiteRt.so; without one KERAS_DYNRES_LITERT names it, or
  // the dynamic linker finds it.
  explicit Runner(const std::string& path, int threads = 1,
                  const std::string& library = "");
  ~Runner();
  Runner(Runner&&) noexcept;
  Runner& operator=(Runner&&) noexcept;

  const Bundle& bundle() const;
  int threads() const;

  // The outputs of one normalised image. `shift` is added to the points' scores of an
  // instance that computes as many points as an image needs.
  std::vector<Tensor> run(const std::vector<float>& image,
                          const std::string& instance = "full", double shift = 0);

  // Calls `visit` with the position and outputs of each exit as soon as it is computed;
  // nothing more is computed once that returns false.
  using Visit = std::function<bool(size_t exit, const std::vector<float>& outputs)>;
  void anytime(const std::vector<float>& image, const Visit& visit);

  // Outputs of the first exit that the policy trusts; later ones are not computed.
  Prediction predict(const std::vector<float>& image, const Policy& policy);

  // Whether an image leaves at an exit; at the last, all do.
  bool leaves(size_t exit, const std::vector<float>& outputs,
              const Policy& policy) const;

  // The largest probability that one image's outputs give a class.
  double sureness(const std::vector<float>& outputs) const;

  // Wall-clock time of an instance, one image at a time; it is closed afterwards if it
  // was not loaded before.
  Figures benchmark(const std::string& instance, int repeats = 50, int warmup = 5);

  void close(const std::string& instance);
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keras_dynres
