#include "normalize.h"

#include "tensor_math.h"

FOR_EACH_PROCESSOR
void normalize_sums(float *sums, float *squares, const float *x, ptrdiff_t rows, ptrdiff_t channels) {
  memset(sums, 0, channels * sizeof(float));
  memset(squares, 0, channels * sizeof(float));
  for (ptrdiff_t c0 = 0; c0 < channels; c0 += 64) {
    ptrdiff_t width = channels - c0 < 64 ? channels - c0 : 64;
    float s[64] = {0}, q[64] = {0}, shift[64];
    memcpy(shift, x + c0, width * sizeof(float));
    for (ptrdiff_t r = 0; r < rows; r++) {
      const float *p = x + r * channels + c0;
      for (ptrdiff_t c = 0; c < width; c++) {
        float d = p[c] - shift[c];
        s[c] += d;
        q[c] += d * d;
      }
    }
    memcpy(sums + c0, s, width * sizeof(float));
    memcpy(squares + c0, q, width * sizeof(float));
  }
}

FOR_EACH_PROCESSOR
void normalize_apply(float *y, const float *x, const float *a, const float *b, float slope, ptrdiff_t rows,
                     ptrdiff_t channels) {
  for (ptrdiff_t r = 0; r < rows; r++, x += channels, y += channels) {
    for (ptrdiff_t c = 0; c < channels; c++) {
      float v = x[c] * a[c] + b[c];
      y[c] = v > 0 ? v : v * slope;
    }
  }
}

FOR_EACH_PROCESSOR
void normalize_gradient_sums(float *sums, float *products, const float *gradient, const float *x, const float *a,
                             const float *b, const float *shift, float slope, ptrdiff_t rows, ptrdiff_t channels) {
  for (ptrdiff_t c0 = 0; c0 < channels; c0 += 64) {
    ptrdiff_t width = channels - c0 < 64 ? channels - c0 : 64;
    float s[64] = {0}, q[64] = {0};
    for (ptrdiff_t r = 0; r < rows; r++) {
      const float *p = x + r * channels + c0, *dy = gradient + r * channels + c0;
      for (ptrdiff_t c = 0; c < width; c++) {
        float g = p[c] * a[c0 + c] + b[c0 + c] > 0 ? dy[c] : dy[c] * slope;
        s[c] += g;
        q[c] += g * (p[c] - shift[c0 + c]);
      }
    }
    memcpy(sums + c0, s, width * sizeof(float));
    memcpy(products + c0, q, width * sizeof(float));
  }
}

FOR_EACH_PROCESSOR
void normalize_gradient_apply(float *out, const float *gradient, const float *x, const float *a, const float *b,
                              const float *p, const float *q, const float *r, float slope, ptrdiff_t rows,
                              ptrdiff_t channels) {
  for (ptrdiff_t row = 0; row < rows; row++, x += channels, gradient += channels, out += channels) {
    for (ptrdiff_t c = 0; c < channels; c++) {
      float g = x[c] * a[c] + b[c] > 0 ? gradient[c] : gradient[c] * slope;
      out[c] = g * p[c] + x[c] * q[c] + r[c];
    }
  }
}

enum { lanes = 16 };

FOR_EACH_PROCESSOR
void normalize_layer(float *y, float *mean, float *inverse, const float *x, const float *scale, const float *offset,
                     float epsilon, ptrdiff_t width, ptrdiff_t first, ptrdiff_t count) {
  for (ptrdiff_t row = first; row < first + count; row++) {
    const float *p = x + row * width;
    float *o = y + row * width;
    double total = 0, squares = 0;
    for (ptrdiff_t start = 0; start < width; start += 1024) {
      ptrdiff_t end = start + 1024 < width ? start + 1024 : width, i = start;
      float s[lanes] = {0}, q[lanes] = {0};
      for (; i + lanes <= end; i += lanes)
        for (int lane = 0; lane < lanes; lane++) {
          float d = p[i + lane] - p[0];
          s[lane] += d;
          q[lane] += d * d;
        }
      for (int lane = 0; lane < lanes; lane++) total += s[lane], squares += q[lane];
      for (; i < end; i++) total += p[i] - p[0], squares += (double)(p[i] - p[0]) * (p[i] - p[0]);
    }
    double m = total / width, variance = squares / width - m * m;
    mean[row] = (float)(m + p[0]);
    inverse[row] = (float)(1 / sqrt((variance > 0 ? variance : 0) + epsilon));
    float middle = mean[row], factor = inverse[row];
    if (scale && offset) {
      for (ptrdiff_t i = 0; i < width; i++) o[i] = (p[i] - middle) * factor * scale[i] + offset[i];
    } else {
      for (ptrdiff_t i = 0; i < width; i++) o[i] = (p[i] - middle) * factor;
    }
  }
}

FOR_EACH_PROCESSOR
void normalize_layer_gradient(float *out, const float *gradient, const float *x, const float *mean,
                              const float *inverse, const float *scale, ptrdiff_t width, ptrdiff_t first,
                              ptrdiff_t count) {
  for (ptrdiff_t row = first; row < first + count; row++) {
    const float *p = x + row * width, *g = gradient + row * width;
    float *o = out + row * width;
    double sum = 0, product = 0;
    for (ptrdiff_t i = 0; i < width; i++) {
      float d = scale ? g[i] * scale[i] : g[i];
      sum += d;
      product += (double)d * ((p[i] - mean[row]) * inverse[row]);
    }
    float first_mean = (float)(sum / width), second_mean = (float)(product / width);
    for (ptrdiff_t i = 0; i < width; i++) {
      float d = scale ? g[i] * scale[i] : g[i];
      o[i] = inverse[row] * (d - first_mean - (p[i] - mean[row]) * inverse[row] * second_mean);
    }
  }
}
