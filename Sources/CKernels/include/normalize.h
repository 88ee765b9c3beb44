// Normalization of activations (batch, instance and conditional), x̂ = (x - mean) / deviation, y = x̂ scale + offset, with
// a rectifier on top where wanted. x is units x rows x channels: a unit is a sample. Statistics are of each channel, over
// one unit or over all; scale and offset are of each channel, for all units or for each.
#pragma once
#include <stddef.h>

// For each chunk of rows: the sums over its rows of (x - shift) and of its square, shift being the unit's first row.
void normalize_sums(float *sums, float *squares, const float *x, ptrdiff_t rows, ptrdiff_t channels);

// y = leaky(x a + b) for rows of one unit; slope 1 leaves the sum as it is.
void normalize_apply(float *y, const float *x, const float *a, const float *b, float slope, ptrdiff_t rows,
                     ptrdiff_t channels);

// For a chunk of rows: the sums of g and of g (x - shift), the mean being the shift that loses no digits, where g is the
// gradient behind the rectifier: the sign of x a + b tells which branch was taken.
void normalize_gradient_sums(float *sums, float *products, const float *gradient, const float *x, const float *a,
                             const float *b, const float *shift, float slope, ptrdiff_t rows, ptrdiff_t channels);

// out = g p + x q + r, with g as above.
void normalize_gradient_apply(float *out, const float *gradient, const float *x, const float *a, const float *b,
                              const float *p, const float *q, const float *r, float slope, ptrdiff_t rows,
                              ptrdiff_t channels);

// Layer normalization of rows of `width` elements, scale and offset (or NULL) of a row's shape. Keeps each row's mean and
// the reciprocal of its deviation.
void normalize_layer(float *y, float *mean, float *inverse, const float *x, const float *scale, const float *offset,
                     float epsilon, ptrdiff_t width, ptrdiff_t first, ptrdiff_t count);
void normalize_layer_gradient(float *out, const float *gradient, const float *x, const float *mean,
                              const float *inverse, const float *scale, ptrdiff_t width, ptrdiff_t first,
                              ptrdiff_t count);
