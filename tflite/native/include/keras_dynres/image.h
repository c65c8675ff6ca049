// Images out of files, as a bundle takes them in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "keras_dynres/bundle.h"

namespace keras_dynres {

// Pixels 0 to 255, row by row, channels last.
struct Image {
  int height = 0, width = 0, channels = 0;
  std::vector<uint8_t> pixels;
};

// A PPM or PGM file in binary form (P6, P5).
Image read_pnm(const std::string& path);

// A JPEG file, in colour for 3 channels and grey for 1. Throws where the library was
// built without libjpeg.
Image read_jpeg(const std::string& path, int channels);

// What the network takes, out of a picture (.ppm, .pgm, .jpg, .jpeg) that has its size
// or a file of raw values, one byte each (pixels) or four (normalised floats).
std::vector<float> read_input(const std::string& path, const Bundle& bundle);

}  // namespace keras_dynres
