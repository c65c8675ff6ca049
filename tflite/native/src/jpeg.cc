// JPEG files by libjpeg, where it was there to build with.
#include "keras_dynres/image.h"
#include "text.h"

#ifndef KERAS_DYNRES_JPEG

namespace keras_dynres {

Image read_jpeg(const std::string& path, int) {
  throw Error(
      "This program was built without libjpeg: give a PPM file or raw pixels. "
      "Received: path=" + in_quotes(path) + ".");
}

}  // namespace keras_dynres

#else

#include <csetjmp>
#include <cstdio>

#include <jpeglib.h>

#include "file.h"

namespace keras_dynres {
namespace {

// No network takes more; a header of a few bytes could ask for gigabytes.
constexpr size_t kMostPixels = size_t{1} << 26;

// libjpeg calls back to leave; an exception must not pass through its frames.
struct Failure {
  jpeg_error_mgr manager;
  std::jmp_buf place;
};

void leave(j_common_ptr decoder) {
  std::longjmp(reinterpret_cast<Failure*>(decoder->err)->place, 1);
}

void say_nothing(j_common_ptr) {}

// Objects with destructors stay with the caller: a jump skips them.
bool decode(const std::vector<uint8_t>& bytes, Image& image,
            jpeg_decompress_struct& decoder, Failure& failure) {
  if (setjmp(failure.place)) return false;
  jpeg_mem_src(&decoder, bytes.data(), bytes.size());
  jpeg_read_header(&decoder, TRUE);
  decoder.out_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  image.width = static_cast<int>(decoder.image_width);
  image.height = static_cast<int>(decoder.image_height);
  size_t pixels = static_cast<size_t>(image.width) * image.height;
  if (pixels > kMostPixels) return false;
  size_t row = static_cast<size_t>(image.width) * image.channels;
  image.pixels.resize(row * image.height);
  jpeg_start_decompress(&decoder);
  while (decoder.output_scanline < decoder.output_height) {
    JSAMPROW line = image.pixels.data() + row * decoder.output_scanline;
    jpeg_read_scanlines(&decoder, &line, 1);
  }
  jpeg_finish_decompress(&decoder);
  return failure.manager.num_warnings == 0;  // Of a file that is cut short, too.
}

}  // namespace

Image read_jpeg(const std::string& path, int channels) {
  std::vector<uint8_t> bytes = read_file(path, "The image");
  Image image;
  image.channels = channels == 1 ? 1 : 3;
  Failure failure;
  jpeg_decompress_struct decoder;
  decoder.err = jpeg_std_error(&failure.manager);
  failure.manager.error_exit = leave;
  failure.manager.output_message = say_nothing;
  jpeg_create_decompress(&decoder);
  bool whole = decode(bytes, image, decoder, failure);
  jpeg_destroy_decompress(&decoder);
  if (!whole) {
    throw Error("The image is damaged, too large or not a JPEG file. Received: path=" +
                in_quotes(path) + ".");
  }
  return image;
}

}  // namespace keras_dynres

#endif
