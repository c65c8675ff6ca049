// A `.tflite` bundle: read, checked and described; no runtime is needed for any of it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "keras_dynres/error.h"
#include "keras_dynres/json.h"

namespace keras_dynres {

// What an instance gives for one image.
struct Output {
  std::string name;
  std::vector<int> shape;  // the batch left out
  std::string activation;  // "logits", "probabilities" or "values"
};

// One entry of the menu. `row` holds all that the metadata say of it.
struct Instance {
  std::string name;
  std::string signature;
  std::vector<Output> outputs;
  bool dynamic = false;  // computes as many points as an image needs
  json::Value row;
};

// Signatures that are run in order and hand features on, until the caller stops.
struct Stage {
  std::string name;
  std::string signature;
  std::vector<std::string> takes;  // features; of the first, the image
  std::vector<std::string> makes;  // features beside the prediction
  std::vector<std::string> keeps;  // features that later stages still need
  std::string exit;                // whose prediction it gives
  double macs = 0;                 // its own
};

// An image leaves at the first exit where its largest probability is at least the
// exit's threshold; the last is 0.
struct Policy {
  std::string model;
  std::vector<std::string> exits;
  std::vector<double> costs;
  std::string unit;
  std::vector<double> thresholds;

  static Policy of(const json::Value& fields);
  // Of a file that `keras_dynres.exits.Policy.to_json` wrote.
  static Policy read(const std::string& path);
};

// A file that `keras_dynres.tflite.export` wrote.
//
//   keras_dynres::Bundle bundle("net.tflite");
//   for (const auto& instance : bundle.menu()) std::cout << instance.name << "\n";
class Bundle {
 public:
  // Reads the file and checks its hash; throws an Error unless it is whole.
  explicit Bundle(const std::string& path);

  const std::string& path() const { return path_; }
  const uint8_t* data() const { return data_.get(); }
  size_t size() const { return size_; }
  const json::Value& metadata() const { return metadata_; }

  const std::string& model() const { return model_; }
  const std::vector<int>& shape() const { return shape_; }  // height, width, channels
  const std::vector<std::string>& labels() const { return labels_; }  // or empty
  const std::vector<Instance>& menu() const { return menu_; }
  const Instance& instance(const std::string& name) const;  // or an alias

  // Empty for a bundle that cannot stop at an exit.
  const std::vector<Stage>& stages() const { return stages_; }
  const std::vector<Policy>& policies() const { return policies_; }
  // Throws unless the policy is this model's.
  void check(const Policy& policy) const;
  // One threshold for all exits but the last.
  Policy uniform(double threshold) const;

  // What the network takes of pixels 0 to 255, by the rule in the metadata.
  std::vector<float> preprocess(const std::vector<uint8_t>& pixels) const;
  // Throws unless the image has the right size, and values that may be normalised.
  void check(const std::vector<float>& image) const;
  size_t values() const;  // of an image

 private:
  struct Free {
    void operator()(uint8_t* data) const;
  };

  void read();
  void verify();
  void describe();
  std::vector<Output> outputs(const json::Value& row) const;

  std::string path_;
  std::unique_ptr<uint8_t, Free> data_;
  size_t size_ = 0;
  json::Value metadata_;
  std::string model_;
  std::vector<int> shape_;
  std::vector<std::string> labels_;
  std::vector<Instance> menu_;
  std::map<std::string, std::string> aliases_;
  std::vector<Stage> stages_;
  std::vector<Policy> policies_;
};

}  // namespace keras_dynres
