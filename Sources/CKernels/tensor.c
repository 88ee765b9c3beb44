#include "tensor.h"

#include "tensor_math.h"

#define EACH(expression) \
  for (ptrdiff_t i = 0; i < count; i++) { float v = x[i]; out[i] = (expression); } break

FOR_EACH_PROCESSOR
void tensor_unary(enum tensor_function op, float *out, const float *x, ptrdiff_t count, float a, float b) {
  switch (op) {
    case unary_affine: EACH(v * a + b);
    case unary_exp: EACH(fast_exp(v));
    case unary_log: EACH(fast_log(v));
    case unary_sqrt: EACH(__builtin_elementwise_sqrt(v));
    case unary_square: EACH(v * v);
    case unary_abs: EACH(fabsf(v));
    case unary_sign: EACH(v > 0 ? 1.0f : v < 0 ? -1.0f : v);
    case unary_reciprocal: EACH(1.0f / v);
    case unary_power: EACH(powf(v, a));
    case unary_sin: EACH(sinf(v));
    case unary_cos: EACH(cosf(v));
    case unary_tanh: EACH(fast_tanh(v));
    case unary_sigmoid: EACH(fast_sigmoid(v));
    case unary_leaky:
      if (a == 0) { EACH(v > 0 || v != v ? v : 0.0f); }  // not v * a: minus infinity has the value 0
      EACH(v > 0 ? v : v * a);
    case unary_silu: EACH(v * fast_sigmoid(v));
    case unary_softplus: EACH(fast_softplus(v));
    case unary_clamp: EACH(v < a ? a : v > b ? b : v);
  }
}

#define ROW(expression)                                                                          \
  if (rows->x_step && rows->y_step) {                                                            \
    for (ptrdiff_t i = 0; i < width; i++) { float u = p[i], v = q[i]; o[i] = (expression); }     \
  } else if (rows->x_step) {                                                                     \
    float v = q[0];                                                                              \
    for (ptrdiff_t i = 0; i < width; i++) { float u = p[i]; o[i] = (expression); }               \
  } else {                                                                                       \
    float u = p[0];                                                                              \
    for (ptrdiff_t i = 0; i < width; i++) { float v = rows->y_step ? q[i] : q[0]; o[i] = (expression); } \
  }                                                                                              \
  break

// Where row `row` begins in an operand.
static inline ptrdiff_t row_start(const tensor_rows *rows, const ptrdiff_t *strides, ptrdiff_t row) {
  ptrdiff_t start = 0;
  for (int axis = rows->rank - 1; axis >= 0; axis--) {
    start += row % rows->size[axis] * strides[axis];
    row /= rows->size[axis];
  }
  return start;
}

FOR_EACH_PROCESSOR
void tensor_binary(enum tensor_operator op, float *out, const float *x, const float *y, const tensor_rows *rows,
                   ptrdiff_t first, ptrdiff_t count, float a) {
  const ptrdiff_t width = rows->width;
  for (ptrdiff_t row = first; row < first + count; row++) {
    const float *p = x + row_start(rows, rows->x_stride, row), *q = y + row_start(rows, rows->y_stride, row);
    float *o = out + row * width;
    switch (op) {
      case binary_add: ROW(u + v);
      case binary_subtract: ROW(u - v);
      case binary_multiply: ROW(u * v);
      case binary_divide: ROW(u / v);
      case binary_maximum: ROW(u > v || u != u ? u : v);
      case binary_minimum: ROW(u < v || u != u ? u : v);
      case binary_greater: ROW(u > v ? 1.0f : 0.0f);
      case binary_less: ROW(u < v ? 1.0f : 0.0f);
      case binary_equal: ROW(u == v ? 1.0f : 0.0f);
      case binary_tanh_gradient: ROW(u * (1.0f - v * v));
      case binary_sigmoid_gradient: ROW(u * (v * (1.0f - v)));
      case binary_leaky_gradient: ROW(v > 0 ? u : u * a);
    }
  }
}

FOR_EACH_PROCESSOR
void tensor_select(float *out, const float *mask, const float *x, const float *y, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) out[i] = mask[i] != 0 ? x[i] : y[i];
}

void tensor_copy_rows(float *out, const float *x, const tensor_rows *rows, ptrdiff_t x_element_stride, ptrdiff_t first,
                      ptrdiff_t count) {
  const ptrdiff_t width = rows->width;
  for (ptrdiff_t row = first; row < first + count; row++) {
    const float *p = x + row_start(rows, rows->x_stride, row);
    float *o = out + row * width;
    if (x_element_stride == 1) {
      memcpy(o, p, width * sizeof(float));
    } else {
      for (ptrdiff_t i = 0; i < width; i++) o[i] = p[i * x_element_stride];
    }
  }
}

FOR_EACH_PROCESSOR
void tensor_transpose(float *out, const float *x, ptrdiff_t batch, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t first,
                      ptrdiff_t count) {
  enum { tile = 16 };
  for (ptrdiff_t b = 0; b < batch; b++, x += rows * columns, out += rows * columns) {
    for (ptrdiff_t r0 = first; r0 < first + count; r0 += tile) {
      ptrdiff_t r1 = r0 + tile < first + count ? r0 + tile : first + count;
      for (ptrdiff_t c0 = 0; c0 < columns; c0 += tile) {
        ptrdiff_t c1 = c0 + tile < columns ? c0 + tile : columns;
        for (ptrdiff_t c = c0; c < c1; c++)
          for (ptrdiff_t r = r0; r < r1; r++) out[c * rows + r] = x[r * columns + c];
      }
    }
  }
}

enum { lanes = 16, block = 1024 };

static inline double sum_of_row(const float *x, ptrdiff_t count) {
  double total = 0;
  for (ptrdiff_t start = 0; start < count; start += block) {
    ptrdiff_t end = start + block < count ? start + block : count, i = start;
    float partial[lanes] = {0};
    for (; i + lanes <= end; i += lanes)
      for (int lane = 0; lane < lanes; lane++) partial[lane] += x[i + lane];
    for (int lane = 0; lane < lanes; lane++) total += partial[lane];
    for (; i < end; i++) total += x[i];
  }
  return total;
}

FOR_EACH_PROCESSOR
void tensor_sum(float *out, const float *x, ptrdiff_t reduced, ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count) {
  if (inner == 1) {
    for (ptrdiff_t o = first; o < first + count; o++) out[o] = (float)sum_of_row(x + o * reduced, reduced);
    return;
  }
  enum { columns = 256, rows_of_block = 64 };
  for (ptrdiff_t o = first; o < first + count; o++) {
    for (ptrdiff_t c = 0; c < inner; c += columns) {
      ptrdiff_t width = c + columns < inner ? columns : inner - c;
      double total[columns] = {0};
      for (ptrdiff_t r0 = 0; r0 < reduced; r0 += rows_of_block) {
        ptrdiff_t r1 = r0 + rows_of_block < reduced ? r0 + rows_of_block : reduced;
        float partial[columns] = {0};
        for (ptrdiff_t r = r0; r < r1; r++) {
          const float *p = x + (o * reduced + r) * inner + c;
          for (ptrdiff_t i = 0; i < width; i++) partial[i] += p[i];
        }
        for (ptrdiff_t i = 0; i < width; i++) total[i] += partial[i];
      }
      for (ptrdiff_t i = 0; i < width; i++) out[o * inner + c + i] = (float)total[i];
    }
  }
}

FOR_EACH_PROCESSOR
void tensor_max(float *out, const float *x, ptrdiff_t reduced, ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count) {
  for (ptrdiff_t o = first; o < first + count; o++) {
    float *to = out + o * inner;
    const float *from = x + o * reduced * inner;
    memcpy(to, from, inner * sizeof(float));
    for (ptrdiff_t r = 1; r < reduced; r++) {
      from += inner;
      for (ptrdiff_t i = 0; i < inner; i++) to[i] = from[i] > to[i] || from[i] != from[i] ? from[i] : to[i];
    }
  }
}

void tensor_gather(float *out, const float *x, const int32_t *index, ptrdiff_t indices, ptrdiff_t size,
                   ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count) {
  for (ptrdiff_t o = first; o < first + count; o++) {
    for (ptrdiff_t j = 0; j < indices; j++) {
      float *to = out + (o * indices + j) * inner;
      if (index[j] < 0) {
        memset(to, 0, inner * sizeof(float));
      } else if (inner == 1) {
        *to = x[o * size + index[j]];
      } else {
        memcpy(to, x + (o * size + index[j]) * inner, inner * sizeof(float));
      }
    }
  }
}

FOR_EACH_PROCESSOR
void tensor_scatter_add(float *out, const float *x, const int32_t *index, ptrdiff_t indices, ptrdiff_t size,
                        ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count) {
  memset(out + first * size * inner, 0, count * size * inner * sizeof(float));
  for (ptrdiff_t o = first; o < first + count; o++) {
    for (ptrdiff_t j = 0; j < indices; j++) {
      if (index[j] < 0) continue;
      float *to = out + (o * size + index[j]) * inner;
      const float *from = x + (o * indices + j) * inner;
      for (ptrdiff_t i = 0; i < inner; i++) to[i] += from[i];
    }
  }
}

FOR_EACH_PROCESSOR
void tensor_softmax(float *out, const float *x, ptrdiff_t width, int logarithm, ptrdiff_t first, ptrdiff_t count) {
  for (ptrdiff_t row = first; row < first + count; row++) {
    const float *p = x + row * width;
    float *o = out + row * width;
    float largest = p[0];
    for (ptrdiff_t i = 1; i < width; i++) largest = p[i] > largest ? p[i] : largest;
    for (ptrdiff_t i = 0; i < width; i++) o[i] = fast_exp(p[i] - largest);
    double total = sum_of_row(o, width);
    if (logarithm) {
      // The difference first: it is exact where it is small, however large the two are.
      float shift = (float)log(total);
      for (ptrdiff_t i = 0; i < width; i++) o[i] = (p[i] - largest) - shift;
    } else {
      float scale = (float)(1 / total);
      for (ptrdiff_t i = 0; i < width; i++) o[i] *= scale;
    }
  }
}

FOR_EACH_PROCESSOR
void tensor_softmax_gradient(float *out, const float *gradient, const float *y, ptrdiff_t width, int logarithm,
                             ptrdiff_t first, ptrdiff_t count) {
  for (ptrdiff_t row = first; row < first + count; row++) {
    const float *g = gradient + row * width, *p = y + row * width;
    float *o = out + row * width;
    if (logarithm) {
      float total = (float)sum_of_row(g, width);
      for (ptrdiff_t i = 0; i < width; i++) o[i] = g[i] - fast_exp(p[i]) * total;
    } else {
      double product = 0;
      for (ptrdiff_t i = 0; i < width; i++) product += (double)g[i] * p[i];
      float total = (float)product;
      for (ptrdiff_t i = 0; i < width; i++) o[i] = p[i] * (g[i] - total);
    }
  }
}

FOR_EACH_PROCESSOR
void tensor_adam(float *out, const float *parameter, const float *gradient, float *first_moment, float *second_moment,
                 const tensor_adam_settings *s, ptrdiff_t count) {
  const float beta1 = s->beta1, beta2 = s->beta2, step = s->step, correction = s->root_correction;
  const float epsilon = s->epsilon, decay = s->decay, kept = 1 - s->decoupled_decay;
  for (ptrdiff_t i = 0; i < count; i++) {
    float g = gradient[i] + decay * parameter[i];
    float m = first_moment[i] + (1 - beta1) * (g - first_moment[i]);
    float v = beta2 * second_moment[i] + (1 - beta2) * g * g;
    first_moment[i] = m;
    second_moment[i] = v;
    out[i] = kept * parameter[i] - step * (m / (__builtin_elementwise_sqrt(v) * correction + epsilon));
  }
}

static inline void philox_block(uint32_t out[4], uint64_t counter, uint64_t key) {
  uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32), c2 = 0, c3 = 0;
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t a = (uint64_t)c0 * 0xD2511F53u, b = (uint64_t)c2 * 0xCD9E8D57u;
    uint32_t high = (uint32_t)(b >> 32) ^ c1 ^ k0, low = (uint32_t)(a >> 32) ^ c3 ^ k1;
    c0 = high, c1 = (uint32_t)b, c2 = low, c3 = (uint32_t)a;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

FOR_EACH_PROCESSOR
void tensor_random(float *out, uint64_t key, int normal, float low, float span, ptrdiff_t total, ptrdiff_t first_block,
                   ptrdiff_t blocks) {
  // What is rounded up to the upper bound gets the number before it.
  const float limit = normal ? INFINITY : nextafterf(low + span, low);
  for (ptrdiff_t i = first_block; i < first_block + blocks; i++) {
    uint32_t words[4];
    float values[4];
    philox_block(words, (uint64_t)i, key);
    // 24 bits of each word: a float holds no more.
    for (int j = 0; j < 4; j++) values[j] = (float)(words[j] >> 8) * 0x1p-24f;
    if (normal) {
      for (int j = 0; j < 4; j += 2) {
        float radius = __builtin_elementwise_sqrt(-2 * fast_log(1 - values[j])), angle = 6.283185307179586f * values[j + 1];
        values[j] = radius * cosf(angle);
        values[j + 1] = radius * sinf(angle);
      }
    }
    for (int j = 0; j < 4 && 4 * i + j < total; j++) {
      float value = low + span * values[j];
      out[4 * i + j] = value > limit ? limit : value;
    }
  }
}
