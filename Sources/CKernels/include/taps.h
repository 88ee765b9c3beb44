// What convolutions with few channels on one side are made of, besides one matrix product: numbers for each tap of the
// kernel, gathered from or spread over the taps' places.
#pragma once
#include <stddef.h>

// Tap (i, j) of output (y, x) is at input (y stride + i dilation - padding, x ...), or the other way round where
// `transposed`: at the place whose taps reach (y, x). `height` and `width` are those of the places that are read.
typedef struct {
  int height, width, out_height, out_width;
  int kernel_height, kernel_width, stride_height, stride_width, pad_height, pad_width, dilation_height, dilation_width;
  int channels, transposed;
} taps_shape;

// out[n][y][x][c] += the sum over the taps of taps[n][place][tap][c], for the rows (n, y) `first ..< end`. `taps` holds the
// rows of places (n, y) `taps_first ..< taps_end`; what others would add is left out.
void taps_sum(float *out, const float *taps, const taps_shape *shape, ptrdiff_t taps_first, ptrdiff_t taps_end,
              ptrdiff_t first, ptrdiff_t end);

// taps[row][x][tap][c] = in[n][place][c], 0 outside of it, for the rows (n, y) `first ..< end`, the first of which begins
// `taps`.
void taps_collect(float *taps, const float *in, const taps_shape *shape, ptrdiff_t first, ptrdiff_t end);
