#include "taps.h"

#include <string.h>

// Where a tap of an output is, or -1.
static inline int place(int out, int tap, int stride, int padding, int dilation, int size, int transposed) {
  int at;
  if (transposed) {
    at = out + padding - tap * dilation;
    if (at < 0 || at % stride) return -1;
    at /= stride;
  } else {
    at = out * stride + tap * dilation - padding;
  }
  return at >= 0 && at < size ? at : -1;
}

static inline int row_place(const taps_shape *s, int y, int i) {
  return place(y, i, s->stride_height, s->pad_height, s->dilation_height, s->height, s->transposed);
}

static inline int column_place(const taps_shape *s, int x, int j) {
  return place(x, j, s->stride_width, s->pad_width, s->dilation_width, s->width, s->transposed);
}

static inline __attribute__((always_inline)) void sum_row(float *out, const float *row, const taps_shape *s, int i,
                                                          int channels) {
  const ptrdiff_t pixel = (ptrdiff_t)s->kernel_height * s->kernel_width * channels;
  for (int x = 0; x < s->out_width; x++) {
    for (int j = 0; j < s->kernel_width; j++) {
      int at = column_place(s, x, j);
      if (at < 0) continue;
      const float *from = row + at * pixel + (i * s->kernel_width + j) * channels;
      for (int c = 0; c < channels; c++) out[x * channels + c] += from[c];
    }
  }
}

void taps_sum(float *out, const float *taps, const taps_shape *s, ptrdiff_t taps_first, ptrdiff_t taps_end,
              ptrdiff_t first, ptrdiff_t end) {
  const ptrdiff_t channels = s->channels;
  const ptrdiff_t line = (ptrdiff_t)s->width * s->kernel_height * s->kernel_width * channels;
  for (ptrdiff_t row = first; row < end; row++) {
    ptrdiff_t n = row / s->out_height;
    float *to = out + row * s->out_width * channels;
    for (int i = 0; i < s->kernel_height; i++) {
      int at = row_place(s, (int)(row % s->out_height), i);
      ptrdiff_t from_row = n * s->height + at;
      if (at < 0 || from_row < taps_first || from_row >= taps_end) continue;
      const float *from = taps + (from_row - taps_first) * line;
      switch (channels) {
        case 1: sum_row(to, from, s, i, 1); break;
        case 3: sum_row(to, from, s, i, 3); break;
        default: sum_row(to, from, s, i, s->channels); break;
      }
    }
  }
}

void taps_collect(float *taps, const float *in, const taps_shape *s, ptrdiff_t first, ptrdiff_t end) {
  const ptrdiff_t channels = s->channels, pixel = (ptrdiff_t)s->kernel_height * s->kernel_width * channels;
  for (ptrdiff_t row = first; row < end; row++, taps += s->out_width * pixel) {
    int n = (int)(row / s->out_height), y = (int)(row % s->out_height);
    for (int i = 0; i < s->kernel_height; i++) {
      int at = row_place(s, y, i);
      for (int x = 0; x < s->out_width; x++) {
        float *cell = taps + x * pixel + (ptrdiff_t)i * s->kernel_width * channels;
        for (int j = 0; j < s->kernel_width; j++, cell += channels) {
          int column = at < 0 ? -1 : column_place(s, x, j);
          if (column < 0) {
            memset(cell, 0, channels * sizeof(float));
          } else {
            memcpy(cell, in + (((ptrdiff_t)n * s->height + at) * s->width + column) * channels,
                   channels * sizeof(float));
          }
        }
      }
    }
  }
}
