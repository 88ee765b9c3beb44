// The inner loops of interpolation, in C for its vector code. Integer arithmetic throughout: the same bytes on any
// processor. Each has a plain reference in Swift that the tests hold it against.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Bilinear samples along a straight line through an image of `channels` interleaved bytes. (x, y) and the step (dx, dy)
// are 32.32 fixed-point coordinates, where (0, 0) is the center of the first pixel. Every sample's four neighbors must
// lie inside the image, and not in its last row: sixteen bytes from each are read. Images of three channels are at least
// four pixels wide.
void kernel_bilinear_line(uint8_t *out, const uint8_t *image, ptrdiff_t stride, int channels, int64_t x, int64_t y,
                          int64_t dx, int64_t dy, int count);

// One pass of a separable resampling. For output i, `taps` weights of 22 fractional bits start at weights[i * taps] and
// apply to input first[i], first[i] + 1, ... Sums are rounded and clamped to bytes.
void kernel_resample_rows(uint8_t *out, const uint8_t *in, int rows, int in_width, int out_width, int channels,
                          const int32_t *first, const int32_t *weights, int taps);
void kernel_resample_columns(uint8_t *out, const uint8_t *in, int out_rows, int row_bytes, const int32_t *first,
                             const int32_t *weights, int taps);
