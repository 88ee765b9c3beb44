#include "pool.h"

#include "tensor_math.h"

FOR_EACH_PROCESSOR
void pool_max(float *out, int32_t *places, const float *x, const pool_shape *s, ptrdiff_t first, ptrdiff_t end) {
  const int channels = s->channels;
  for (ptrdiff_t row = first; row < end; row++) {
    const float *sample = x + row / s->out_height * s->height * s->width * channels;
    int top = (int)(row % s->out_height) * s->stride_height - s->pad_height;
    int bottom = top + s->kernel_height < s->height ? top + s->kernel_height : s->height;
    top = top > 0 ? top : 0;
    for (int column = 0; column < s->out_width; column++) {
      int left = column * s->stride_width - s->pad_width;
      int right = left + s->kernel_width < s->width ? left + s->kernel_width : s->width;
      left = left > 0 ? left : 0;
      float *best = out + (row * s->out_width + column) * channels;
      int32_t *at = places + (row * s->out_width + column) * channels;
      for (int c = 0; c < channels; c++) {
        at[c] = (top * s->width + left) * channels + c;
        best[c] = sample[at[c]];
      }
      for (int i = top; i < bottom; i++) {
        for (int j = left; j < right; j++) {
          const int32_t start = (i * s->width + j) * channels;
          for (int c = 0; c < channels; c++) {
            float value = sample[start + c];
            int isGreater = value > best[c] || value != value;
            best[c] = isGreater ? value : best[c];
            at[c] = isGreater ? start + c : at[c];
          }
        }
      }
    }
  }
}

void pool_pick(float *out, const float *x, const int32_t *places, ptrdiff_t size, ptrdiff_t count, ptrdiff_t first,
               ptrdiff_t end) {
  for (ptrdiff_t n = first; n < end; n++)
    for (ptrdiff_t i = n * count; i < (n + 1) * count; i++) out[i] = x[n * size + places[i]];
}

void pool_spread(float *out, const float *x, const int32_t *places, ptrdiff_t size, ptrdiff_t count, ptrdiff_t first,
                 ptrdiff_t end) {
  memset(out + first * size, 0, (end - first) * size * sizeof(float));
  for (ptrdiff_t n = first; n < end; n++)
    for (ptrdiff_t i = n * count; i < (n + 1) * count; i++) out[n * size + places[i]] += x[i];
}
