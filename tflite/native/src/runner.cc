#include "keras_dynres/runner.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "session.h"
#include "text.h"

namespace keras_dynres {
namespace {

constexpr char kShift[] = "shift", kPrediction[] = "outputs", kImages[] = "images";

std::vector<uint8_t> bytes_of(const float* values, size_t count) {
  auto bytes = reinterpret_cast<const uint8_t*>(values);
  return {bytes, bytes + count * sizeof(float)};
}

std::vector<float> floats_of(const std::vector<uint8_t>& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  size_t size = values.size() * sizeof(float);
  if (size) std::memcpy(values.data(), bytes.data(), size);
  return values;
}

const std::vector<uint8_t>& feature(const Features& features, const std::string& name) {
  auto place = features.find(name);
  if (place == features.end()) {
    throw Error("The bundle's graph gives no " + in_quotes(name) + ".");
  }
  return place->second;
}

double quantile(const std::vector<double>& sorted, double share) {
  double place = share * (sorted.size() - 1);
  size_t low = static_cast<size_t>(place);
  size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

}  // namespace

struct Runner::State {
  State(const std::string& path, int threads, const std::string& library)
      : bundle(path), threads(threads), runtime(library, bundle) {}

  Session& session(const Instance& instance) {
    auto place = sessions.find(instance.name);
    if (place == sessions.end()) {
      std::vector<std::string> keys = {instance.signature};
      auto session = std::make_unique<Session>(runtime, keys, threads);
      place = sessions.emplace(instance.name, std::move(session)).first;
    }
    return *place->second;
  }

  // What a signature is given: the image, whatever the graph calls it, and the shift.
  Features inputs(const Instance& instance, const std::vector<float>& image,
                  double shift) {
    Features features;
    for (const std::string& name : session(instance).inputs(instance.signature)) {
      float scalar = static_cast<float>(shift);
      bool shifts = instance.dynamic && name == kShift;
      features[name] =
          shifts ? bytes_of(&scalar, 1) : bytes_of(image.data(), image.size());
    }
    return features;
  }

  Bundle bundle;
  int threads;
  Runtime runtime;  // Uses the bundle's bytes, and outlives the sessions.
  std::map<std::string, std::unique_ptr<Session>> sessions;
  std::unique_ptr<Session> chain;  // all stages
};

Runner::Runner(const std::string& path, int threads, const std::string& library) {
  if (threads < 1) {
    throw Error("threads must be a whole number of at least 1. Received: threads=" +
                std::to_string(threads) + ".");
  }
  state_ = std::make_unique<State>(path, threads, library);
}

Runner::~Runner() = default;
Runner::Runner(Runner&&) noexcept = default;
Runner& Runner::operator=(Runner&&) noexcept = default;

const Bundle& Runner::bundle() const { return state_->bundle; }
int Runner::threads() const { return state_->threads; }

std::vector<Tensor> Runner::run(const std::vector<float>& image,
                                const std::string& name, double shift) {
  const Instance& instance = bundle().instance(name);
  bundle().check(image);
  if (shift != 0 && !instance.dynamic) {
    throw Error(in_quotes(instance.name) +
                " computes as many points whatever their scores, and takes no shift. "
                "Received: shift=" + json::digits(shift) + ".");
  }
  Features inputs = state_->inputs(instance, image, shift);
  Features made = state_->session(instance).run(instance.signature, inputs);
  std::vector<Tensor> tensors;
  for (const Output& output : instance.outputs) {
    tensors.push_back(
        {output.name, output.shape, floats_of(feature(made, output.name))});
    size_t count = std::accumulate(output.shape.begin(), output.shape.end(), size_t{1},
                                   std::multiplies<size_t>());
    if (tensors.back().values.size() != count) {
      throw Error("The bundle's graph gives " + in_quotes(output.name) +
                  " another size than its metadata say.");
    }
  }
  return tensors;
}

void Runner::anytime(const std::vector<float>& image, const Visit& visit) {
  bundle().check(bundle().uniform(0));  // throws where there are no stages
  bundle().check(image);
  if (!state_->chain) {
    std::vector<std::string> keys;
    for (const Stage& stage : bundle().stages()) keys.push_back(stage.signature);
    state_->chain = std::make_unique<Session>(state_->runtime, keys, state_->threads);
  }
  Features known;
  known[kImages] = bytes_of(image.data(), image.size());
  for (size_t exit = 0; exit < bundle().stages().size(); ++exit) {
    const Stage& stage = bundle().stages()[exit];
    Features made = state_->chain->run(stage.signature, known);
    if (!visit(exit, floats_of(feature(made, kPrediction)))) return;
    known.merge(made);
    Features kept;
    for (const std::string& name : stage.keeps) kept[name] = feature(known, name);
    known = std::move(kept);
  }
}

Prediction Runner::predict(const std::vector<float>& image, const Policy& policy) {
  bundle().check(policy);
  Prediction prediction{};
  anytime(image, [&](size_t exit, const std::vector<float>& outputs) {
    prediction = {exit, outputs};
    return !leaves(exit, outputs, policy);
  });
  return prediction;
}

bool Runner::leaves(size_t exit, const std::vector<float>& outputs,
                    const Policy& policy) const {
  if (exit + 1 >= policy.thresholds.size()) return true;
  return sureness(outputs) >= policy.thresholds[exit];
}

double Runner::sureness(const std::vector<float>& outputs) const {
  const json::Value* output = bundle().metadata().find("output");
  if (!output || outputs.empty()) {
    throw Error(
        "Sureness is of one row of classes an image, and this bundle gives something "
        "else: stop by yourself. Received: path=" + in_quotes(bundle().path()) + ".");
  }
  float most = *std::max_element(outputs.begin(), outputs.end());
  if (output->at("activation").text() == "probabilities") return most;
  float sum = 0;
  for (float logit : outputs) sum += std::exp(logit - most);
  return 1 / sum;
}

Figures Runner::benchmark(const std::string& name, int repeats, int warmup) {
  if (repeats < 1 || warmup < 0) {
    throw Error("repeats must be at least 1, warmup at least 0. Received: repeats=" +
                std::to_string(repeats) + ", warmup=" + std::to_string(warmup) + ".");
  }
  const Instance& instance = bundle().instance(name);
  bool loaded = state_->sessions.count(instance.name);
  std::mt19937 random(0);
  std::normal_distribution<float> normal;
  std::vector<float> image(bundle().values());
  for (float& value : image) value = normal(random);
  Session& session = state_->session(instance);
  const Features inputs = state_->inputs(instance, image, 0);
  std::vector<double> times;
  for (int turn = -warmup; turn < repeats; ++turn) {
    auto start = std::chrono::steady_clock::now();
    session.run(instance.signature, inputs);
    std::chrono::duration<double, std::milli> took =
        std::chrono::steady_clock::now() - start;
    if (turn >= 0) times.push_back(took.count());
  }
  if (!loaded) close(instance.name);  // All at once might not fit into memory.
  std::sort(times.begin(), times.end());
  return {quantile(times, 0.5), times.front(), times.back(),
          quantile(times, 0.75) - quantile(times, 0.25), repeats};
}

void Runner::close(const std::string& name) {
  state_->sessions.erase(bundle().instance(name).name);
}

void Runner::close() {
  state_->sessions.clear();
  state_->chain.reset();
}

}  // namespace keras_dynres
