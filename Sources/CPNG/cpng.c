#include "cpng.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const uint8_t *data;
  size_t size, position;
  char *error;
} source;

typedef struct {
  uint8_t *data;
  size_t size, capacity;
  char *error;
} destination;

static void fail_reading(png_structp png, png_const_charp message) {
  source *s = png_get_error_ptr(png);
  strncpy(s->error, message, 199);
  s->error[199] = 0;
  longjmp(png_jmpbuf(png), 1);
}

static void fail_writing(png_structp png, png_const_charp message) {
  destination *d = png_get_error_ptr(png);
  strncpy(d->error, message, 199);
  d->error[199] = 0;
  longjmp(png_jmpbuf(png), 1);
}

static void ignore_warning(png_structp png, png_const_charp message) { (void)png, (void)message; }

static void read_bytes(png_structp png, png_bytep out, png_size_t count) {
  source *s = png_get_io_ptr(png);
  if (count > s->size - s->position) png_error(png, "the file ends inside the image");
  memcpy(out, s->data + s->position, count);
  s->position += count;
}

static void write_bytes(png_structp png, png_bytep in, png_size_t count) {
  destination *d = png_get_io_ptr(png);
  if (count > d->capacity - d->size) {
    size_t capacity = (d->size + count) * 2;
    uint8_t *data = realloc(d->data, capacity);
    if (!data) png_error(png, "out of memory");
    d->data = data;
    d->capacity = capacity;
  }
  memcpy(d->data + d->size, in, count);
  d->size += count;
}

static void flush_nothing(png_structp png) { (void)png; }

// Opens the image, reads the header, and asks for 8 bits a channel without palette. Jumps on errors.
static void begin_reading(png_structp png, png_infop info, source *s, cpng_header *header) {
  // libpng's own limits (1,000,000 a side) stay; the caller checks its own after this returns.
  png_set_read_fn(png, s, read_bytes);
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
  png_read_info(png, info);
  int type = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
  int transparent = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (type == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
  if (depth == 16) png_set_strip_16(png);
  if (transparent) png_set_tRNS_to_alpha(png);
  int color = (type & PNG_COLOR_MASK_COLOR) != 0, alpha = (type & PNG_COLOR_MASK_ALPHA) != 0 || transparent;
  header->width = png_get_image_width(png, info);
  header->height = png_get_image_height(png, info);
  header->channels = (color ? 3 : 1) + (alpha ? 1 : 0);
}

int cpng_read_header(const uint8_t *data, size_t size, cpng_header *header, char error[200]) {
  source s = {data, size, 0, error};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, fail_reading, ignore_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    png_destroy_read_struct(&png, NULL, NULL);
    strcpy(error, "out of memory");
    return -1;
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_read_struct(&png, &info, NULL);
    return -1;
  }
  begin_reading(png, info, &s, header);
  png_destroy_read_struct(&png, &info, NULL);
  return 0;
}

int cpng_read(const uint8_t *data, size_t size, uint8_t *pixels, size_t capacity, char error[200]) {
  source s = {data, size, 0, error};
  cpng_header header;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, fail_reading, ignore_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    png_destroy_read_struct(&png, NULL, NULL);
    strcpy(error, "out of memory");
    return -1;
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_read_struct(&png, &info, NULL);
    return -1;
  }
  begin_reading(png, info, &s, &header);
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  size_t row = png_get_rowbytes(png, info);
  if (row != (size_t)header.width * header.channels || row * header.height != capacity) {
    png_error(png, "the image does not have the size its header gives");
  }
  for (int pass = 0; pass < passes; pass++) {
    for (uint32_t y = 0; y < header.height; y++) png_read_row(png, pixels + y * row, NULL);
  }
  png_read_end(png, NULL);
  png_destroy_read_struct(&png, &info, NULL);
  return 0;
}

int cpng_write(const uint8_t *pixels, cpng_header header, int level, uint8_t **data, size_t *size, char error[200]) {
  static const int types[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                              PNG_COLOR_TYPE_RGB_ALPHA};
  destination d = {NULL, 0, 0, error};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &d, fail_writing, ignore_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    png_destroy_write_struct(&png, NULL);
    strcpy(error, "out of memory");
    return -1;
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_write_struct(&png, &info);
    free(d.data);
    return -1;
  }
  png_set_write_fn(png, &d, write_bytes, flush_nothing);
  png_set_compression_level(png, level);
  size_t row = (size_t)header.width * header.channels;
  // A small image does not need zlib's 256 KB window; asking for less makes setting up the compressor cheap.
  int window = 15;
  while (window > 9 && ((size_t)1 << (window - 1)) >= (row + 1) * header.height) window--;
  png_set_compression_window_bits(png, window);
  if (window < 15) png_set_compression_mem_level(png, window > 12 ? 8 : 5);
  // Filtering pays on photographs; on small or level-0 images it only costs time.
  if (level == 0 || row < 128) png_set_filter(png, 0, PNG_FILTER_NONE);
  png_set_IHDR(png, info, header.width, header.height, 8, types[header.channels], PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (uint32_t y = 0; y < header.height; y++) png_write_row(png, pixels + y * row);
  png_write_end(png, NULL);
  png_destroy_write_struct(&png, &info);
  *data = d.data;
  *size = d.size;
  return 0;
}
