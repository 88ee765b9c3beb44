// PNG reading and writing over libpng's full interface. libpng reports errors by longjmp, which Swift cannot survive,
// so every call that may jump stays in this target.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint32_t width, height;
  int channels;     // 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA, after palette and low bit depths are expanded
} cpng_header;

// The first reads only the header; the second fills `pixels` (height * width * channels bytes, as the header says).
// Both return 0, or -1 with a message of at most 200 bytes in `error`. 16-bit samples keep their high byte; gamma and
// color profiles are not applied; transparency given by tRNS becomes an alpha channel.
int cpng_read_header(const uint8_t *data, size_t size, cpng_header *header, char error[200]);
int cpng_read(const uint8_t *data, size_t size, uint8_t *pixels, size_t capacity, char error[200]);

// Writes an 8-bit PNG. `level` is zlib's 0 to 9. The result is malloc'ed and belongs to the caller.
int cpng_write(const uint8_t *pixels, cpng_header header, int level, uint8_t **data, size_t *size, char error[200]);
