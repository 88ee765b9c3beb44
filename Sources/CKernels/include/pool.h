// Maxima over windows of batch x height x width x channels, with where they stand.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
  int height, width, channels, out_height, out_width;
  int kernel_height, kernel_width, stride_height, stride_width, pad_height, pad_width;
} pool_shape;

// For the rows (n, y) `first ..< end` of the output: the greatest element of each window, and its place among the elements
// of its sample, the first in row-major order where several are equal. Padding never is; not-a-number always.
void pool_max(float *out, int32_t *places, const float *x, const pool_shape *shape, ptrdiff_t first, ptrdiff_t end);

// out[n][i] = x[n][places[n][i]] for samples of `size` elements, `count` of which are wanted; n from `first` to `end`.
void pool_pick(float *out, const float *x, const int32_t *places, ptrdiff_t size, ptrdiff_t count, ptrdiff_t first,
               ptrdiff_t end);
// The transpose: out[n][places[n][i]] += x[n][i], out cleared first.
void pool_spread(float *out, const float *x, const int32_t *places, ptrdiff_t size, ptrdiff_t count, ptrdiff_t first,
                 ptrdiff_t end);
