// The loops of tensor operations that oneDNN does not have, in C for its vector code. Each works on a range of its rows
// or elements, so that the caller can share the work among threads; none allocates. `Tests/TensorsTests` holds each
// against plain arithmetic.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum tensor_function {
  unary_affine, unary_exp, unary_log, unary_sqrt, unary_square, unary_abs, unary_sign, unary_reciprocal, unary_power,
  unary_sin, unary_cos, unary_tanh, unary_sigmoid, unary_leaky, unary_silu, unary_softplus, unary_clamp
};

// out = f(x) element by element. affine: a x + b; power: x to the a; leaky: x > 0 ? x : a x; clamp: between a and b.
void tensor_unary(enum tensor_function op, float *out, const float *x, ptrdiff_t count, float a, float b);

enum tensor_operator {
  binary_add, binary_subtract, binary_multiply, binary_divide, binary_maximum, binary_minimum, binary_greater,
  binary_less, binary_equal, binary_tanh_gradient, binary_sigmoid_gradient, binary_leaky_gradient
};

// out = f(x, y) over `rows` rows of `width` elements from row `first`. A step of 0 repeats the row's first element. The
// starts of the rows follow `rank` outer sizes with their strides. The gradients take (gradient, the function's output);
// leaky's slope is `a`.
typedef struct {
  int rank;
  ptrdiff_t size[8], x_stride[8], y_stride[8];
  ptrdiff_t width;
  int x_step, y_step;
} tensor_rows;
void tensor_binary(enum tensor_operator op, float *out, const float *x, const float *y, const tensor_rows *rows,
                   ptrdiff_t first, ptrdiff_t count, float a);

// out[i] = mask[i] != 0 ? x[i] : y[i]
void tensor_select(float *out, const float *mask, const float *x, const float *y, ptrdiff_t count);

// Copies rows by outer sizes and strides: out is dense, x is read at x_stride, its elements x_element_stride apart.
void tensor_copy_rows(float *out, const float *x, const tensor_rows *rows, ptrdiff_t x_element_stride, ptrdiff_t first,
                      ptrdiff_t count);

// The transpose of `batch` matrices: out[b][c][r] = x[b][r][c], for the rows `first ..< first + count` of x.
void tensor_transpose(float *out, const float *x, ptrdiff_t batch, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t first,
                      ptrdiff_t count);

// out[o][i] = x[o][r][i] summed over r, for x of outer x reduced x inner; o from `first`. Sums are kept in double
// precision between blocks.
void tensor_sum(float *out, const float *x, ptrdiff_t reduced, ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count);
void tensor_max(float *out, const float *x, ptrdiff_t reduced, ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count);

// out[o][j][...] = x[o][index[j]][...]; a negative index gives zeros.
void tensor_gather(float *out, const float *x, const int32_t *index, ptrdiff_t indices, ptrdiff_t size,
                   ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count);
// The transpose: out[o][index[j]][...] += x[o][j][...], out cleared first.
void tensor_scatter_add(float *out, const float *x, const int32_t *index, ptrdiff_t indices, ptrdiff_t size,
                        ptrdiff_t inner, ptrdiff_t first, ptrdiff_t count);

// softmax and log-softmax of rows, and their gradients from (gradient, output).
void tensor_softmax(float *out, const float *x, ptrdiff_t width, int logarithm, ptrdiff_t first, ptrdiff_t count);
void tensor_softmax_gradient(float *out, const float *gradient, const float *y, ptrdiff_t width, int logarithm,
                             ptrdiff_t first, ptrdiff_t count);

// Random numbers: block i of four comes from Philox4x32-10 with counter i and the key. Uniform: low + span u, u in
// [0, 1), always less than low + span; normal: low + span z (Box and Muller).
void tensor_random(float *out, uint64_t key, int normal, float low, float span, ptrdiff_t total, ptrdiff_t first_block,
                   ptrdiff_t blocks);

// One step of Adam (Kingma and Ba 2015) on a range: the moments are updated in place.
typedef struct {
  float beta1, beta2, step, root_correction, epsilon, decay, decoupled_decay;
} tensor_adam_settings;
void tensor_adam(float *out, const float *parameter, const float *gradient, float *first_moment, float *second_moment,
                 const tensor_adam_settings *settings, ptrdiff_t count);
