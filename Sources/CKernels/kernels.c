#include "kernels.h"

#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#if defined(__x86_64__) && defined(__linux__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

// Weights have 11 fractional bits; the horizontal result keeps 7 of them, so that it fits 16 bits with its sign.
enum { weight_bits = 11, weight_one = 1 << weight_bits, drop = 4, round_drop = 1 << (drop - 1) };
enum { shift = 2 * weight_bits - drop, round_shift = 1 << (shift - 1) };

static inline uint8_t blend(int a, int b, int c, int d, int wx, int wy) {
  int top = (a * (weight_one - wx) + b * wx + round_drop) >> drop;
  int bottom = (c * (weight_one - wx) + d * wx + round_drop) >> drop;
  return (uint8_t)((top * (weight_one - wy) + bottom * wy + round_shift) >> shift);
}

#define WEIGHT(position) ((int)((position) >> (32 - weight_bits)) & (weight_one - 1))

static inline void line_of(int channels, uint8_t *out, const uint8_t *image, ptrdiff_t stride, int64_t x, int64_t y,
                           int64_t dx, int64_t dy, int count) {
  for (int i = 0; i < count; i++, x += dx, y += dy, out += channels) {
    const uint8_t *p = image + (y >> 32) * stride + (x >> 32) * channels;
    const uint8_t *q = p + stride;
    int wx = WEIGHT(x), wy = WEIGHT(y);
    for (int c = 0; c < channels; c++) out[c] = blend(p[c], p[channels + c], q[c], q[channels + c], wx, wy);
  }
}

#if defined(__SSE2__)
static inline __m128i load4(const uint8_t *p) {
  int32_t word;
  memcpy(&word, p, 4);
  return _mm_cvtsi32_si128(word);
}

// Three channels ride in four lanes: the fourth computes on the byte behind and is not stored.
static void line_of_3(uint8_t *out, const uint8_t *image, ptrdiff_t stride, int64_t x, int64_t y, int64_t dx,
                      int64_t dy, int count) {
  const __m128i zero = _mm_setzero_si128();
  for (int i = 0; i < count; i++, x += dx, y += dy, out += 3) {
    const uint8_t *p = image + (y >> 32) * stride + (x >> 32) * 3;
    const uint8_t *q = p + stride;
    int wx = WEIGHT(x), wy = WEIGHT(y);
    __m128i across = _mm_set1_epi32(wx << 16 | (weight_one - wx));
    __m128i down = _mm_set1_epi32(wy << 16 | (weight_one - wy));
    __m128i top = _mm_unpacklo_epi8(_mm_unpacklo_epi8(load4(p), load4(p + 3)), zero);
    __m128i bottom = _mm_unpacklo_epi8(_mm_unpacklo_epi8(load4(q), load4(q + 3)), zero);
    top = _mm_srai_epi32(_mm_add_epi32(_mm_madd_epi16(top, across), _mm_set1_epi32(round_drop)), drop);
    bottom = _mm_srai_epi32(_mm_add_epi32(_mm_madd_epi16(bottom, across), _mm_set1_epi32(round_drop)), drop);
    __m128i both = _mm_or_si128(top, _mm_slli_epi32(bottom, 16));
    __m128i sum = _mm_srai_epi32(_mm_add_epi32(_mm_madd_epi16(both, down), _mm_set1_epi32(round_shift)), shift);
    sum = _mm_packus_epi16(_mm_packs_epi32(sum, zero), zero);
    int32_t word = _mm_cvtsi128_si32(sum);
    memcpy(out, &word, 2);
    out[2] = (uint8_t)(word >> 16);
  }
}
#endif

void kernel_bilinear_line(uint8_t *out, const uint8_t *image, ptrdiff_t stride, int channels, int64_t x, int64_t y,
                          int64_t dx, int64_t dy, int count) {
  switch (channels) {
    case 1: line_of(1, out, image, stride, x, y, dx, dy, count); break;
    case 2: line_of(2, out, image, stride, x, y, dx, dy, count); break;
#if defined(__SSE2__)
    case 3: line_of_3(out, image, stride, x, y, dx, dy, count); break;
#endif
    default: line_of(channels, out, image, stride, x, y, dx, dy, count);
  }
}

enum { fraction_bits = 22 };

static inline uint8_t clamp(int32_t sum) {
  sum >>= fraction_bits;
  return sum < 0 ? 0 : sum > 255 ? 255 : (uint8_t)sum;
}

static inline __attribute__((always_inline)) void rows_of(int channels, uint8_t *out, const uint8_t *in, int rows,
                                                          int in_width, int out_width, const int32_t *first,
                                                          const int32_t *weights, int taps) {
  for (int y = 0; y < rows; y++, in += (size_t)in_width * channels) {
    for (int x = 0; x < out_width; x++, out += channels) {
      const uint8_t *p = in + (size_t)first[x] * channels;
      const int32_t *w = weights + (size_t)x * taps;
      int32_t sum[4] = {1 << (fraction_bits - 1), 1 << (fraction_bits - 1), 1 << (fraction_bits - 1),
                        1 << (fraction_bits - 1)};
      for (int t = 0; t < taps; t++, p += channels) {
        for (int c = 0; c < channels; c++) sum[c] += p[c] * w[t];
      }
      for (int c = 0; c < channels; c++) out[c] = clamp(sum[c]);
    }
  }
}

typedef int32_t lanes __attribute__((vector_size(16)));
typedef uint8_t bytes4 __attribute__((vector_size(4)));

// Three channels in four lanes, as above; the caller keeps the last row away from the byte behind the image.
static inline __attribute__((always_inline)) void rows_of_3(uint8_t *out, const uint8_t *in, int rows, int in_width,
                                                            int out_width, const int32_t *first,
                                                            const int32_t *weights, int taps) {
  for (int y = 0; y < rows; y++, in += (size_t)in_width * 3) {
    for (int x = 0; x < out_width; x++, out += 3) {
      const uint8_t *p = in + (size_t)first[x] * 3;
      const int32_t *w = weights + (size_t)x * taps;
      lanes sum = {1 << (fraction_bits - 1), 1 << (fraction_bits - 1), 1 << (fraction_bits - 1), 0};
      for (int t = 0; t < taps; t++, p += 3) {
        bytes4 pixel;
        memcpy(&pixel, p, 4);
        sum += __builtin_convertvector(pixel, lanes) * w[t];
      }
      for (int c = 0; c < 3; c++) out[c] = clamp(sum[c]);
    }
  }
}

FOR_EACH_PROCESSOR
void kernel_resample_rows(uint8_t *out, const uint8_t *in, int rows, int in_width, int out_width, int channels,
                          const int32_t *first, const int32_t *weights, int taps) {
  switch (channels) {
    case 1: rows_of(1, out, in, rows, in_width, out_width, first, weights, taps); break;
    case 2: rows_of(2, out, in, rows, in_width, out_width, first, weights, taps); break;
    case 3: {
      rows_of_3(out, in, rows - 1, in_width, out_width, first, weights, taps);
      out += (size_t)(rows - 1) * out_width * 3;
      in += (size_t)(rows - 1) * in_width * 3;
      rows_of(3, out, in, 1, in_width, out_width, first, weights, taps);
      break;
    }
    default: rows_of(4, out, in, rows, in_width, out_width, first, weights, taps);
  }
}

FOR_EACH_PROCESSOR
void kernel_resample_columns(uint8_t *out, const uint8_t *in, int out_rows, int row_bytes, const int32_t *first,
                             const int32_t *weights, int taps) {
  enum { block = 64 };
  for (int y = 0; y < out_rows; y++, out += row_bytes, weights += taps) {
    const uint8_t *top = in + (size_t)first[y] * row_bytes;
    for (int x = 0; x < row_bytes; x += block) {
      int count = row_bytes - x < block ? row_bytes - x : block;
      int32_t sums[block];
      for (int i = 0; i < count; i++) sums[i] = 1 << (fraction_bits - 1);
      for (int t = 0; t < taps; t++) {
        const uint8_t *p = top + (size_t)t * row_bytes + x;
        for (int i = 0; i < count; i++) sums[i] += p[i] * weights[t];
      }
      for (int i = 0; i < count; i++) out[x + i] = clamp(sums[i]);
    }
  }
}
