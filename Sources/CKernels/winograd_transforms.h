// The vectors and transforms of winograd_kernels.h: along channels, those of one tile at a time.

#define vec NAME(vec)
#define loose NAME(loose)
#define panel_width (2 * WIDTH)
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

typedef float vec __attribute__((vector_size(4 * WIDTH)));
typedef float loose __attribute__((vector_size(4 * WIDTH), aligned(4)));

#define load(p) (*(const loose *)(p))
#define store(p, v) (*(loose *)(p) = (v))

// Inputs at the points: the transpose of interpolation.
INLINE void NAME(input_points)(int t, const vec *d, vec *v) {
  if (t == 3) {
    v[0] = d[0] - d[1], v[1] = d[1], v[2] = d[2] - d[1];
  } else if (t == 4) {
    v[0] = d[0] - d[2], v[1] = d[1] + d[2], v[2] = d[2] - d[1], v[3] = d[3] - d[1];
  } else if (t == 5) {
    const float c = POINT_C;
    vec p = d[3] - c * d[2], q = d[2] - c * d[1];
    v[0] = p - (d[1] - c * d[0]);
    v[1] = p + q, v[2] = p - q;
    v[3] = d[3] - d[1];
    v[4] = (d[4] - c * d[3]) - q;
  } else {
    const float a = POINT_A, b = POINT_B, aa = POINT_A * POINT_A, bb = POINT_B * POINT_B;
    const float sum = POINT_A * POINT_A + POINT_B * POINT_B, product = POINT_A * POINT_A * POINT_B * POINT_B;
    vec even = d[4] - bb * d[2], odd = a * (d[3] - bb * d[1]);
    v[1] = even + odd, v[2] = even - odd;
    even = d[4] - aa * d[2], odd = b * (d[3] - aa * d[1]);
    v[3] = even + odd, v[4] = even - odd;
    v[0] = (product * d[0] + d[4]) - sum * d[2];
    v[5] = (product * d[1] + d[5]) - sum * d[3];
  }
}

// Outputs from the products at the points: the transpose of evaluation.
INLINE void NAME(output_values)(int t, int m, const vec *v, vec *y) {
  if (t == 3) {
    y[0] = v[0] + v[1], y[1] = v[1] + v[2];
  } else if (t == 4) {
    y[0] = v[0] + v[1] + v[2], y[1] = v[1] - v[2] + v[3];
  } else if (t == 5) {
    const float c = POINT_C, cc = POINT_C * POINT_C, ccc = POINT_C * POINT_C * POINT_C;
    vec even = v[1] + v[2], odd = v[1] - v[2];
    y[0] = v[0] + even + v[3];
    y[1] = odd + c * v[3];
    y[2] = even + cc * v[3];
    y[3] = odd + ccc * v[3] + v[4];
  } else {
    const float a = POINT_A, b = POINT_B, aa = POINT_A * POINT_A, bb = POINT_B * POINT_B;
    const float aaa = POINT_A * POINT_A * POINT_A, bbb = POINT_B * POINT_B * POINT_B;
    vec even_a = v[1] + v[2], odd_a = v[1] - v[2], even_b = v[3] + v[4], odd_b = v[3] - v[4];
    y[0] = v[0] + even_a + even_b;
    y[1] = a * odd_a + b * odd_b;
    y[2] = aa * even_a + bb * even_b;
    if (m == 4) y[3] = aaa * odd_a + bbb * odd_b + v[5];
    else y[2] += v[5];
  }
}

// Gradients of the outputs at the points: evaluation.
INLINE void NAME(gradient_points)(int t, int m, const vec *y, vec *v) {
  if (t == 3) {
    v[0] = y[0], v[1] = y[0] + y[1], v[2] = y[1];
  } else if (t == 4) {
    v[0] = y[0], v[1] = y[0] + y[1], v[2] = y[0] - y[1], v[3] = y[1];
  } else if (t == 5) {
    const float c = POINT_C;
    vec even = y[0] + y[2], odd = y[1] + y[3];
    v[0] = y[0], v[1] = even + odd, v[2] = even - odd;
    v[3] = y[0] + c * (y[1] + c * (y[2] + c * y[3]));
    v[4] = y[3];
  } else {
    const float a = POINT_A, b = POINT_B, aa = POINT_A * POINT_A, bb = POINT_B * POINT_B;
    vec even_a = y[0] + aa * y[2], even_b = y[0] + bb * y[2];
    vec odd_a = a * y[1], odd_b = b * y[1];
    if (m == 4) odd_a = a * (y[1] + aa * y[3]), odd_b = b * (y[1] + bb * y[3]);
    v[0] = y[0];
    v[1] = even_a + odd_a, v[2] = even_a - odd_a;
    v[3] = even_b + odd_b, v[4] = even_b - odd_b;
    v[5] = y[m - 1];
  }
}

INLINE void NAME(input_tile)(int t, const float *in, ptrdiff_t row, ptrdiff_t column, int channels, float *to,
                             size_t position) {
  for (int c = 0; c < channels; c += WIDTH) {
    vec half[max_t][max_t];
    UNROLL for (int j = 0; j < t; j++) {
      vec d[max_t], v[max_t];
      UNROLL for (int i = 0; i < t; i++) d[i] = load(in + i * row + j * column + c);
      NAME(input_points)(t, d, v);
      UNROLL for (int i = 0; i < t; i++) half[i][j] = v[i];
    }
    UNROLL for (int i = 0; i < t; i++) {
      vec v[max_t];
      NAME(input_points)(t, half[i], v);
      UNROLL for (int j = 0; j < t; j++) store(to + (size_t)(i * t + j) * position + c, v[j]);
    }
  }
}

// Panels of `panel_width` channels lie `panel` floats apart.
INLINE void NAME(gradient_tile)(int t, int m, const float *in, ptrdiff_t row, ptrdiff_t column, int channels, float *to,
                                size_t position, size_t panel) {
  for (int c = 0; c < channels; c += WIDTH) {
    vec half[max_t][max_t];
    float *at = to + (size_t)(c / panel_width) * panel + c % panel_width;
    UNROLL for (int j = 0; j < m; j++) {
      vec y[max_t], v[max_t];
      UNROLL for (int i = 0; i < m; i++) y[i] = load(in + i * row + j * column + c);
      NAME(gradient_points)(t, m, y, v);
      UNROLL for (int i = 0; i < t; i++) half[i][j] = v[i];
    }
    UNROLL for (int i = 0; i < t; i++) {
      vec v[max_t];
      NAME(gradient_points)(t, m, half[i], v);
      UNROLL for (int j = 0; j < t; j++) store(at + (size_t)(i * t + j) * position, v[j]);
    }
  }
}

INLINE void NAME(output_tile)(int t, int m, const float *from, size_t position, const float *bias, int channels,
                              float *out, ptrdiff_t row, ptrdiff_t column, int top, int bottom, int first,
                              int last) {
  for (int c = 0; c < channels; c += WIDTH) {
    vec half[max_t][max_t];
    UNROLL for (int j = 0; j < t; j++) {
      vec v[max_t], y[max_t];
      UNROLL for (int i = 0; i < t; i++) v[i] = load(from + (size_t)(i * t + j) * position + c);
      NAME(output_values)(t, m, v, y);
      UNROLL for (int i = 0; i < m; i++) half[i][j] = y[i];
    }
    vec b = load(bias + c);
    int left = channels - c;
    UNROLL for (int i = 0; i < m; i++) {
      vec y[max_t];
      NAME(output_values)(t, m, half[i], y);
      UNROLL for (int j = 0; j < m; j++) {
        if (i >= top && i < bottom && j >= first && j < last) {
          float *p = out + i * row + j * column + c;
          vec sum = y[j] + b;
          if (left >= WIDTH) store(p, sum);
          else for (int l = 0; l < left; l++) p[l] = sum[l];
        }
      }
    }
  }
}
