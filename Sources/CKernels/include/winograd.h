#pragma once

#include <stddef.h>

// Convolutions of float32 by Winograd's minimal filtering: channels last (x is N H W C, y is N OH OW K), weights as
// PyTorch keeps them (K C KERNEL KERNEL). The kernels are 3x3 and 4x4 of stride 1 and 4x4 of stride 2.
//
// Every function that takes `part` and `parts` does one share of its work: call it for each part from 0 up to `parts`,
// in any order or at the same time, each with scratch of its own. The shares depend on nothing but `part` and `parts`,
// so that equal calls give equal bits.
typedef struct {
  int n, h, w, c;
  int oh, ow, k;
  int kernel, stride, pad_top, pad_left;
} winograd_shape;

enum { winograd_pass_forward, winograd_pass_input, winograd_pass_weights };

// Whether there is an algorithm for the kernel and stride. It says nothing of speed.
int winograd_supports(const winograd_shape *shape);

// Packed weights fit the direction they were packed for (`backward` is 1 for the gradient of the input), and every
// shape of the same c, k, kernel and stride for which this gives the same number: the number of outputs decides on it
// too.
int winograd_layout(const winograd_shape *shape, int backward);
size_t winograd_packed_size(const winograd_shape *shape, int backward);  // in floats, as all sizes here
void winograd_pack(const winograd_shape *shape, int backward, const float *weights, float *packed, int part, int parts);

// The scratch that one part needs.
size_t winograd_scratch_size(const winograd_shape *shape, int pass);

void winograd_forward(const winograd_shape *shape, const float *x, const float *packed, const float *bias, float *y,
                      float *scratch, int part, int parts);

// Writes all of dx. The bias (one number for each of c) or NULL: as a transposed convolution, this is a forward pass.
void winograd_input_gradient(const winograd_shape *shape, const float *dy, const float *packed, const float *bias,
                             float *dx, float *scratch, int part, int parts);

// All parts write to different places of one buffer of partial sums, whose size depends on their number. When they are
// done, `finish` (in as many parts as is convenient) makes dw of it.
size_t winograd_partial_size(const winograd_shape *shape, int parts);
void winograd_weight_gradient(const winograd_shape *shape, const float *x, const float *dy, float *partial,
                              float *scratch, int part, int parts);
void winograd_weight_gradient_finish(const winograd_shape *shape, const float *partial, int partial_parts, float *dw,
                                     int part, int parts);
