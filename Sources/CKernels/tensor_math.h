// Elementary functions without branches or calls, so that loops over them become vector code. Errors are a few units in
// the last place (the polynomials are those of Cephes' single-precision library, Moshier 1992).
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

static inline float from_bits(int32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline int32_t to_bits(float value) {
  int32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

// The nearest integer of |x| < 2^22, by what adding 1.5 x 2^23 cuts off.
static inline float nearest(float x) {
  const float magic = 12582912.0f;
  return (x + magic) - magic;
}

static inline float fast_exp(float x) {
  float limited = x > 88.72284f ? 88.72284f : x < -87.33655f ? -87.33655f : x;
  float n = nearest(limited * 1.44269504088896341f);
  n = n > 127 ? 127 : n;
  float r = limited - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  float scale = from_bits(((int32_t)(n != n ? 0.0f : n) + 127) << 23);
  float result = p * scale;
  result = x < -87.33655f ? 0.0f : result;
  return x > 88.72284f ? INFINITY : result;
}

static inline float fast_log(float x) {
  // Subnormal numbers are brought up first.
  float tiny = x < 1.17549435e-38f ? 8388608.0f : 1.0f;
  int32_t bits = to_bits(x * tiny);
  float e = (float)((bits >> 23) - 126) - (tiny > 1 ? 23.0f : 0.0f);
  float m = from_bits((bits & 0x007FFFFF) | 0x3F000000);
  int small = m < 0.707106781186547524f;
  e = small ? e - 1.0f : e;
  m = (small ? m + m : m) - 1.0f;
  float z = m * m;
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  float y = p * m * z + e * -2.12194440e-4f - 0.5f * z;
  float result = m + y + e * 0.693359375f;
  result = x == INFINITY ? INFINITY : result;
  result = x == 0 ? -INFINITY : result;
  return x < 0 || x != x ? NAN : result;
}

static inline float fast_tanh(float x) {
  float a = fabsf(x);
  float z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  float inner = p * z * a + a;
  float limited = a > 10.0f ? 10.0f : a;
  float outer = 1.0f - 2.0f / (fast_exp(2.0f * limited) + 1.0f);
  float result = copysignf(a < 0.625f ? inner : outer, x);
  return x != x ? x : result;
}

static inline float fast_sigmoid(float x) {
  float e = fast_exp(-fabsf(x));
  float upper = 1.0f / (1.0f + e);
  return x >= 0 ? upper : e * upper;
}

static inline float fast_softplus(float x) {
  float e = fast_exp(-fabsf(x));
  float u = 1.0f + e;
  // log(1 + e), right also where e is lost in the sum.
  float kept = u - 1.0f;
  float tail = kept == 0 ? e : fast_log(u) * (e / (kept == 0 ? 1.0f : kept));
  return (x > 0 ? x : 0) + tail;
}
