#include "kernels.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define WITH_AVX2 __attribute__((target("avx2")))
#define HAS_AVX2 __builtin_cpu_supports("avx2")
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

// Weights have 11 fractional bits; the horizontal result keeps 7 of them, so that it fits 16 bits with its sign. What is
// cut off there, on average half of 1/128, is made up for in the last rounding.
enum { weight_bits = 11, weight_one = 1 << weight_bits, drop = 4 };
enum { shift = 2 * weight_bits - drop, round_shift = (1 << (shift - 1)) + (1 << (weight_bits - 1)) };

static inline uint8_t blend(int a, int b, int c, int d, int wx, int wy) {
  int top = (a * (weight_one - wx) + b * wx) >> drop;
  int bottom = (c * (weight_one - wx) + d * wx) >> drop;
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

#if defined(__x86_64__)
// Four positions on the line: where their pixels begin, and their weights as pairs to multiply with. Each in the low 32
// bits of 64.
typedef struct {
  __m256i offset, across, down;
} positions;

WITH_AVX2 static inline positions positions_at(__m256i x, __m256i y, __m256i stride, int channels) {
  const __m256i fraction = _mm256_set1_epi64x(weight_one - 1), one = _mm256_set1_epi64x(weight_one);
  __m256i column = _mm256_srli_epi64(x, 32);
  __m256i offset = _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(y, 32), stride), column);
  if (channels == 3) offset = _mm256_add_epi64(offset, _mm256_add_epi64(column, column));
  __m256i wx = _mm256_and_si256(_mm256_srli_epi64(x, 32 - weight_bits), fraction);
  __m256i wy = _mm256_and_si256(_mm256_srli_epi64(y, 32 - weight_bits), fraction);
  return (positions){offset, _mm256_or_si256(_mm256_slli_epi64(wx, 16), _mm256_sub_epi64(one, wx)),
                     _mm256_or_si256(_mm256_slli_epi64(wy, 16), _mm256_sub_epi64(one, wy))};
}

WITH_AVX2 static inline __m256i four_steps(int64_t from, int64_t step) {
  return _mm256_setr_epi64x(from, from + step, from + 2 * step, from + 3 * step);
}

// The sums of `blend` for neighbors that stand side by side as 16 bits.
WITH_AVX2 static inline __m256i blend_pairs(__m256i top, __m256i bottom, __m256i across, __m256i down) {
  top = _mm256_srli_epi32(_mm256_madd_epi16(top, across), drop);
  bottom = _mm256_slli_epi32(_mm256_madd_epi16(bottom, across), 16 - drop);
  __m256i sum = _mm256_madd_epi16(_mm256_blend_epi16(top, bottom, 0xAA), down);
  return _mm256_srli_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(round_shift)), shift);
}

// Sixteen bytes at each of two places (of which six are used): one in the low half, one in the high half. A load of
// sixteen joins its half without a shuffle, and shuffles are what these loops wait for.
WITH_AVX2 static inline __m256i load_two(const uint8_t *low, const uint8_t *high) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)low)),
                                 _mm_loadu_si128((const __m128i *)high), 1);
}

// One number for each half.
WITH_AVX2 static inline __m256i set_halves(int32_t low, int32_t high) {
  return _mm256_blend_epi32(_mm256_set1_epi32(low), _mm256_set1_epi32(high), 0xF0);
}

// Where a pixel's three bytes and its right neighbor's go, so that each channel's two stand side by side as 16 bits.
#define CHANNEL_PAIRS 0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1

// Three channels, four pixels at a time; there are at least four.
WITH_AVX2 static void line_of_3(uint8_t *out, const uint8_t *image, ptrdiff_t stride, int64_t x, int64_t y, int64_t dx,
                                int64_t dy, int count) {
  const __m256i pairs = _mm256_setr_epi8(CHANNEL_PAIRS, CHANNEL_PAIRS), strides = _mm256_set1_epi64x(stride);
  // Two pixels of four bytes to two of three.
  const __m256i compact = _mm256_setr_epi8(0, 1, 2, 4, 5, 6, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 1, 2, 4, 5, 6, -1,
                                           -1, -1, -1, -1, -1, -1, -1, -1, -1);
  __m256i xs = four_steps(x, dx), ys = four_steps(y, dy);
  const __m256i dxs = _mm256_set1_epi64x(4 * dx), dys = _mm256_set1_epi64x(4 * dy);
  for (int i = 0; i < count; i += 4) {
    if (i + 4 > count) {
      // The last four again, so that no pixels are left over.
      i = count - 4;
      xs = four_steps(x + i * dx, dx), ys = four_steps(y + i * dy, dy);
    }
    positions at = positions_at(xs, ys, strides, 3);
    xs = _mm256_add_epi64(xs, dxs), ys = _mm256_add_epi64(ys, dys);
    int64_t offset[4], across[4], down[4];
    _mm256_storeu_si256((__m256i *)offset, at.offset);
    _mm256_storeu_si256((__m256i *)across, at.across);
    _mm256_storeu_si256((__m256i *)down, at.down);
    __m256i sums[2];
    for (int half = 0; half < 2; half++) {  // pixels 0 and 2, then 1 and 3
      const uint8_t *p = image + offset[half], *q = image + offset[half + 2];
      sums[half] = blend_pairs(_mm256_shuffle_epi8(load_two(p, q), pairs),
                               _mm256_shuffle_epi8(load_two(p + stride, q + stride), pairs),
                               set_halves((int32_t)across[half], (int32_t)across[half + 2]),
                               set_halves((int32_t)down[half], (int32_t)down[half + 2]));
    }
    __m256i bytes = _mm256_packs_epi32(sums[0], sums[1]);
    bytes = _mm256_shuffle_epi8(_mm256_packus_epi16(bytes, bytes), compact);
    uint8_t *to = out + 3 * i;
    _mm_storel_epi64((__m128i *)to, _mm256_castsi256_si128(bytes));
    __m128i last = _mm256_extracti128_si256(bytes, 1);
    if (i + 4 < count) {
      // Eight bytes are stored for six: the last two are overwritten by what comes next.
      _mm_storel_epi64((__m128i *)(to + 6), last);
    } else {
      int32_t four = _mm_cvtsi128_si32(last), two = _mm_extract_epi16(last, 2);
      memcpy(to + 6, &four, 4);
      memcpy(to + 10, &two, 2);
    }
  }
}

// One channel, eight pixels at a time; there are at least eight.
WITH_AVX2 static void line_of_1(uint8_t *out, const uint8_t *image, ptrdiff_t stride, int64_t x, int64_t y, int64_t dx,
                                int64_t dy, int count) {
  // Of four gathered bytes the first two, as 16 bits each.
  const __m256i pairs = _mm256_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1, 0, -1, 1, -1, 4, -1,
                                         5, -1, 8, -1, 9, -1, 12, -1, 13, -1);
  const __m256i strides = _mm256_set1_epi64x(stride), dxs = _mm256_set1_epi64x(4 * dx), dys = _mm256_set1_epi64x(4 * dy);
  __m256i xs = four_steps(x, dx), ys = four_steps(y, dy);
  for (int i = 0; i < count; i += 8) {
    if (i + 8 > count) {
      // The last eight again, so that no pixels are left over.
      i = count - 8;
      xs = four_steps(x + i * dx, dx), ys = four_steps(y + i * dy, dy);
    }
    positions a = positions_at(xs, ys, strides, 1);
    xs = _mm256_add_epi64(xs, dxs), ys = _mm256_add_epi64(ys, dys);
    positions b = positions_at(xs, ys, strides, 1);
    xs = _mm256_add_epi64(xs, dxs), ys = _mm256_add_epi64(ys, dys);
    // The low halves of both fours: pixels 0 1 4 5 2 3 6 7.
#define LOW_HALVES(p, q) _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(p), _mm256_castsi256_ps(q), 0x88))
    __m256i offset = LOW_HALVES(a.offset, b.offset);
    __m256i top = _mm256_i32gather_epi32((const int *)image, offset, 1);
    __m256i bottom = _mm256_i32gather_epi32((const int *)(image + stride), offset, 1);
    __m256i sum = blend_pairs(_mm256_shuffle_epi8(top, pairs), _mm256_shuffle_epi8(bottom, pairs),
                              LOW_HALVES(a.across, b.across), LOW_HALVES(a.down, b.down));
    // To bytes: low half 0 1 4 5, high half 2 3 6 7.
    sum = _mm256_packus_epi16(_mm256_packs_epi32(sum, sum), sum);
    __m128i mixed = _mm_unpacklo_epi16(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    _mm_storel_epi64((__m128i *)(out + i), mixed);
  }
}
#endif

void kernel_bilinear_line(uint8_t *out, const uint8_t *image, ptrdiff_t stride, int channels, int64_t x, int64_t y,
                          int64_t dx, int64_t dy, int count) {
#if defined(__x86_64__)
  if (channels == 3 && count >= 4 && HAS_AVX2) return line_of_3(out, image, stride, x, y, dx, dy, count);
  if (channels == 1 && count >= 8 && HAS_AVX2) return line_of_1(out, image, stride, x, y, dx, dy, count);
#endif
  switch (channels) {
    case 1: line_of(1, out, image, stride, x, y, dx, dy, count); break;
    case 3: line_of(3, out, image, stride, x, y, dx, dy, count); break;
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

#if defined(__x86_64__)
// Three channels, two rows and two taps at a time. A weight of 22 bits does not fit a 16-bit product, so it is split into
// high * 2^11 + low; the sums are the same integers. Reads up to 16 bytes behind a row.
enum { low_bits = 11 };

WITH_AVX2 static void two_rows_of_3(uint8_t *out, const uint8_t *in, int in_width, int out_width, const int32_t *first,
                                    const int32_t *split, int pairs_of_taps) {
  const __m256i pairs = _mm256_setr_epi8(CHANNEL_PAIRS, CHANNEL_PAIRS);
  const __m256i half = _mm256_set1_epi32(1 << (fraction_bits - 1));
  uint8_t *below = out + (size_t)out_width * 3;
  for (int x = 0; x < out_width; x++, out += 3, below += 3) {
    const uint8_t *p = in + (size_t)first[x] * 3, *q = p + (size_t)in_width * 3;
    __m256i high = _mm256_setzero_si256(), low = high;
    for (int t = 0; t < pairs_of_taps; t++, p += 6, q += 6, split += 2) {
      __m256i pixels = _mm256_shuffle_epi8(load_two(p, q), pairs);
      high = _mm256_add_epi32(high, _mm256_madd_epi16(pixels, _mm256_set1_epi32(split[0])));
      low = _mm256_add_epi32(low, _mm256_madd_epi16(pixels, _mm256_set1_epi32(split[1])));
    }
    __m256i sum = _mm256_add_epi32(_mm256_add_epi32(_mm256_slli_epi32(high, low_bits), low), half);
    sum = _mm256_srai_epi32(sum, fraction_bits);
    sum = _mm256_packus_epi16(_mm256_packs_epi32(sum, sum), sum);
    int32_t above_word = _mm_cvtsi128_si32(_mm256_castsi256_si128(sum)), below_word = _mm256_extract_epi32(sum, 4);
    // Four bytes are stored for three: the fourth is overwritten by the next pixel, so the last has none.
    if (x + 1 < out_width) {
      memcpy(out, &above_word, 4);
      memcpy(below, &below_word, 4);
    } else {
      memcpy(out, &above_word, 3);
      memcpy(below, &below_word, 3);
    }
  }
}

// The weights as `two_rows_of_3` multiplies with them: for each two taps their high parts, then their low parts.
static int32_t *split_weights(const int32_t *weights, int out_width, int taps, int pairs_of_taps) {
  int32_t *split = malloc((size_t)out_width * pairs_of_taps * 8);
  if (!split) return NULL;
  int32_t *to = split;
  for (int x = 0; x < out_width; x++, weights += taps) {
    for (int t = 0; t < taps; t += 2, to += 2) {
      int32_t a = weights[t], b = t + 1 < taps ? weights[t + 1] : 0, mask = (1 << low_bits) - 1;
      to[0] = (int32_t)((uint32_t)(b >> low_bits) << 16 | ((uint32_t)(a >> low_bits) & 0xFFFF));
      to[1] = (b & mask) << 16 | (a & mask);
    }
  }
  return split;
}
#endif

FOR_EACH_PROCESSOR
static void rows_plain(uint8_t *out, const uint8_t *in, int rows, int in_width, int out_width, int channels,
                       const int32_t *first, const int32_t *weights, int taps) {
  switch (channels) {
    case 1: rows_of(1, out, in, rows, in_width, out_width, first, weights, taps); break;
    case 2: rows_of(2, out, in, rows, in_width, out_width, first, weights, taps); break;
    case 3: rows_of(3, out, in, rows, in_width, out_width, first, weights, taps); break;
    default: rows_of(4, out, in, rows, in_width, out_width, first, weights, taps);
  }
}

void kernel_resample_rows(uint8_t *out, const uint8_t *in, int rows, int in_width, int out_width, int channels,
                          const int32_t *first, const int32_t *weights, int taps) {
#if defined(__x86_64__)
  // The last rows are left to the plain loop, which reads nothing behind them.
  if (channels == 3 && rows > 2 && in_width >= 6 && HAS_AVX2) {
    int pairs_of_taps = (taps + 1) / 2;
    int32_t *split = split_weights(weights, out_width, taps, pairs_of_taps);
    for (; split && rows > 2; rows -= 2) {
      two_rows_of_3(out, in, in_width, out_width, first, split, pairs_of_taps);
      out += (size_t)out_width * 6;
      in += (size_t)in_width * 6;
    }
    free(split);
  }
#endif
  rows_plain(out, in, rows, in_width, out_width, channels, first, weights, taps);
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
