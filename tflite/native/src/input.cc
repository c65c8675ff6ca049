// What a bundle takes in: pixels normalised by its rule, and checked.
#include <algorithm>
#include <cmath>

#include "keras_dynres/bundle.h"
#include "text.h"

namespace keras_dynres {
namespace {

// As in Python: augmented images overshoot a little, forgotten normalisation by 50.
constexpr double kSlack = 8;

struct Rule {
  std::vector<double> mean, std;
  double scale;

  Rule(const json::Value& fields, size_t channels)
      : mean(fields.at("mean").numbers()),
        std(fields.at("std").numbers()),
        scale(fields.at("scale").number()) {
    for (std::vector<double>* values : {&mean, &std}) {
      // One value may stand for all channels.
      if (values->size() == 1) values->resize(channels, values->front());
      if (values->size() != channels) {
        throw Error("The bundle's preprocessing needs a mean and std per channel.");
      }
    }
  }
};

const json::Value* rule_of(const Bundle& bundle) {
  const json::Value* rule = bundle.metadata().find("preprocessing");
  return rule && rule->kind() == json::Value::Kind::object ? rule : nullptr;
}

void check_size(size_t count, const Bundle& bundle) {
  if (count != bundle.values()) {
    throw Error("An image has " + joined(bundle.shape(), " x ") + " = " +
                std::to_string(bundle.values()) + " values. Received: " +
                std::to_string(count) + ".");
  }
}

}  // namespace

size_t Bundle::values() const {
  return static_cast<size_t>(shape_[0]) * shape_[1] * shape_[2];
}

std::vector<float> Bundle::preprocess(const std::vector<uint8_t>& pixels) const {
  const json::Value* fields = rule_of(*this);
  if (!fields) {
    throw Error(
        "This bundle does not say how pixels become input: give normalised floats, or "
        "export with preprocessing. Received: path=" + in_quotes(path_) + ".");
  }
  check_size(pixels.size(), *this);
  size_t channels = shape_[2];
  const Rule rule(*fields, channels);
  std::vector<float> mean, std, image(pixels.size());
  for (size_t channel = 0; channel < channels; ++channel) {
    mean.push_back(static_cast<float>(rule.mean[channel]));
    std.push_back(static_cast<float>(rule.std[channel]));
  }
  // In float32, operation by operation, as Python does.
  const float scale = static_cast<float>(rule.scale);
  for (size_t i = 0; i < pixels.size(); ++i) {
    float value = static_cast<float>(pixels[i]) / scale;
    image[i] = (value - mean[i % channels]) / std[i % channels];
  }
  return image;
}

void Bundle::check(const std::vector<float>& image) const {
  check_size(image.size(), *this);
  auto finite = [](float value) { return std::isfinite(value); };
  if (!std::all_of(image.begin(), image.end(), finite)) {
    throw Error("The image holds values that are not finite numbers. Received: path=" +
                in_quotes(path_) + ".");
  }
  const json::Value* fields = rule_of(*this);
  if (!fields) return;
  const size_t channels = shape_[2];
  const Rule rule(*fields, channels);
  double least = 0, most = 0;
  for (size_t channel = 0; channel < channels; ++channel) {
    double mean = rule.mean[channel], std = rule.std[channel];
    double low = -mean / std, high = (255 / rule.scale - mean) / std;
    least = channel ? std::min(least, low) : low;
    most = channel ? std::max(most, high) : high;
  }
  auto [low, high] = std::minmax_element(image.begin(), image.end());
  if (std::max<double>(-*low, *high) > kSlack * std::max(-least, most)) {
    throw Error("The image is not normalised as the network expects (about " +
                std::to_string(least) + " to " + std::to_string(most) +
                "). Received: range " + json::digits(*low) + " to " +
                json::digits(*high) + ".");
  }
}

}  // namespace keras_dynres
