#pragma once

#include "winograd.h"

#include <stdint.h>
#include <string.h>

// Winograd's algorithm F(m, r) yields m outputs of a correlation with r taps from t = m + r - 1 inputs by t products:
// as polynomials, inputs and taps are evaluated at t points (one of them infinity), multiplied there, and interpolated.
// In two dimensions it is applied to rows and columns, so that each of t * t positions of a tile is a product of
// matrices: (tiles x channels) times (channels x output channels).
//
// A convolution of stride 2 is a sum over the 2 x 2 phases of its input, each a correlation of stride 1 with every
// second tap; its input gradient has 2 x 2 phases of outputs instead.

enum { max_t = 6, max_taps = 4 };

// The points of t = 5 are 0, 1, -1, point_c, infinity; those of t = 6 are 0, +-point_a, +-point_b, infinity.
#define POINT_A 0.70710678118654752440
#define POINT_B 1.41421356237309504880
#define POINT_C 0.5

// One direction of a convolution. Its inputs have `in_step` squared phases, its outputs `out_step` squared, one of
// which is one.
typedef struct {
  int n, m, r, t;
  int in_h, in_w, in_c, in_step;
  int out_h, out_w, out_c, out_step;
  int pad_top, pad_left;
  int sets;            // phases of outputs that are columns of one product
  int depth, columns;  // the product's inner dimension, channels of all input phases; channels of the sets
} correlation;

// What is made of one grid of tiles: the output that the first set begins at (it may lie before the image), the input
// it needs first, and how many tiles there are.
typedef struct {
  int first_y, first_x, top, left, tiles_x, tiles;
} phase;

typedef struct {
  int width, rows;
  void (*pack)(const winograd_shape *, const correlation *, int backward, const float *weights, float *packed, int part,
               int parts);
  void (*correlate)(const correlation *, const phase *, const float *in, const float *packed, const float *bias,
                    float *out, float *scratch, int tile_from, int tile_to, int panel_from, int panel_to);
  void (*gradient)(const correlation *, const phase *, const float *x, const float *dy, float *partial, float *scratch,
                   int tile_from, int tile_to, int panel_from, int panel_to);
  void (*finish)(const winograd_shape *, const correlation *, const float *partial, int partials, float *dw, int part,
                 int parts);
} kernel_set;

static inline int round_up(int value, int unit) { return (value + unit - 1) / unit * unit; }
static inline int smaller(int a, int b) { return a < b ? a : b; }

static inline int share(int count, int part, int parts) { return (int)((int64_t)count * part / parts); }

// Rows of scratch whose distance is a multiple of 4 KB would all fall into one set of the first cache.
static inline int row_stride(int depth) { return depth % 128 == 0 ? depth + 16 : depth; }

// The floats from one position of a block of tiles to the next: an odd number of cache lines, for the same reason. The
// room behind the last row is for whole vectors that begin in it.
static inline size_t position_stride(size_t floats) { return ((floats + 16 + 15) / 16 | 1) * 16; }

// How many tiles are transformed, multiplied and transformed back together: what they take should stay in the second
// cache, but the weights that are read for each block (for the gradient of the weights, the sums that are read and
// written) should be of use to many.
static inline int block_tiles(const correlation *c, int rows, int weights_pass) {
  int tiles = 100000 / (c->t * c->t * (c->depth + c->columns)), least = weights_pass ? 96 : 48;
  tiles = tiles < least ? least : tiles > 480 ? 480 : tiles;
  return round_up(tiles, rows);
}

static inline float *aligned(float *p) { return (float *)(((uintptr_t)p + 63) & ~(uintptr_t)63); }

// What a tile's inputs are copied to, with zeros around, where it reaches beyond the image.
static inline size_t staging_size(const correlation *c) {
  size_t in = (size_t)c->t * c->t * c->in_step * c->in_step * c->in_c, out = (size_t)c->m * c->m * c->out_c;
  return ((in > out ? in : out) + 16 + 15) / 16 * 16;
}

// The range of tile outputs (at pixels first, first + step, ...) that lie inside an image of this size.
static inline int outputs_before(int first, int step, int size) {
  return first >= size ? 0 : (size - first + step - 1) / step;
}

// Where a tap of a phase stands in a line of the kernel. Backward, inputs are met in the opposite order.
static inline int tap_place(const correlation *c, int backward, int phase, int tap) {
  return phase + c->in_step * c->out_step * (backward ? c->r - 1 - tap : tap);
}

void winograd_tap_matrix(int t, int r, float g[max_t][max_taps]);
