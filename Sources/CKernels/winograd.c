#include "winograd.h"

#include "winograd_plan.h"

#define WIDTH 4
#define ROWS 6
#define NAME(name) plain_##name
#include "winograd_kernels.h"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define WIDTH 8
#define ROWS 6
#define NAME(name) avx2_##name
#include "winograd_kernels.h"
#pragma clang attribute pop

#ifndef TEST_WIDE
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#endif
#define WIDTH 16
#define ROWS 12
#define NAME(name) avx512_##name
#include "winograd_kernels.h"
#pragma clang attribute pop
#endif

static const kernel_set *kernels(void) {
#if defined(TEST_PLAIN)
  return &plain_kernels;
#elif defined(TEST_WIDE)
  return &avx512_kernels;
#elif defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) return &avx512_kernels;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &avx2_kernels;
#endif
  return &plain_kernels;
}

// The taps at the points, each divided by what interpolation there divides by: the signs are those of `input_points`.
void winograd_tap_matrix(int t, int r, float g[max_t][max_taps]) {
  const double a = POINT_A, b = POINT_B, c = POINT_C, aa = a * a, bb = b * b;
  const double points[4][max_t - 1] = {{0, 1}, {0, 1, -1}, {0, 1, -1, c}, {0, a, -a, b, -b}};
  const double divisors[4][max_t - 1] = {
    {1, 1},
    {1, 2, 2},
    {c, 2 * (1 - c), -2 * (1 + c), c * (c * c - 1)},
    {aa * bb, 2 * aa * (aa - bb), 2 * aa * (aa - bb), 2 * bb * (bb - aa), 2 * bb * (bb - aa)},
  };
  for (int i = 0; i < t - 1; i++) {
    double power = 1 / divisors[t - 3][i];
    for (int j = 0; j < r; j++, power *= points[t - 3][i]) g[i][j] = (float)power;
  }
  for (int j = 0; j < r; j++) g[t - 1][j] = j == r - 1;
}

int winograd_supports(const winograd_shape *s) {
  return (s->kernel == 3 && s->stride == 1) || (s->kernel == 4 && (s->stride == 1 || s->stride == 2));
}

static int tiles_of(int outputs, int m) { return (outputs + m - 1) / m; }

// A large tile spares products, but makes more of the weights, and reads them with little use when there are few tiles.
static int tile_size(const winograd_shape *s, int backward) {
  if (s->kernel == 4 && s->stride == 1) return 3;
  int r = s->kernel / s->stride, best = 0;
  double least = 0;
  for (int m = 2; m <= 4; m += 2) {
    int phases = backward ? s->stride : 1, h = (backward ? s->h : s->oh) / phases, w = (backward ? s->w : s->ow) / phases;
    double tiles = (double)s->n * tiles_of(h, m) * tiles_of(w, m), cost = (m + r - 1) * (m + r - 1) * (tiles + 50);
    if (m == 2 || cost < least) best = m, least = cost;
  }
#ifdef FORCE_M
  best = FORCE_M;
#endif
  return best;
}

static correlation plan(const winograd_shape *s, int backward) {
  int m = tile_size(s, backward), r = s->kernel / s->stride;
  correlation c = {.n = s->n, .m = m, .r = r, .t = m + r - 1, .pad_top = s->pad_top, .pad_left = s->pad_left};
  if (backward) {
    c.in_h = s->oh, c.in_w = s->ow, c.in_c = s->k, c.in_step = 1;
    c.out_h = s->h, c.out_w = s->w, c.out_c = s->c, c.out_step = s->stride;
  } else {
    c.in_h = s->h, c.in_w = s->w, c.in_c = s->c, c.in_step = s->stride;
    c.out_h = s->oh, c.out_w = s->ow, c.out_c = s->k, c.out_step = 1;
  }
  c.depth = c.in_c * c.in_step * c.in_step;
  return c;
}

static phase with_tiles(phase p, int m) {
  p.tiles_y = tiles_of(p.count_y, m), p.tiles_x = tiles_of(p.count_x, m), p.tiles = p.tiles_y * p.tiles_x;
  return p;
}

static phase forward_phase(const correlation *c) {
  phase p = {.count_y = c->out_h, .count_x = c->out_w, .top = -c->pad_top, .left = -c->pad_left};
  return with_tiles(p, c->m);
}

// The pixels first, first + stride, ... of dx. Pixel i has the taps of phase (i + pad) % stride, the first of them at output
// (i + pad) / stride, the others before it.
static phase backward_phase(const correlation *c, int first_y, int first_x, int *set) {
  int step = c->out_step, y = first_y + c->pad_top, x = first_x + c->pad_left;
  phase p = {.first_y = first_y, .first_x = first_x};
  p.count_y = (c->out_h - first_y + step - 1) / step, p.count_x = (c->out_w - first_x + step - 1) / step;
  p.top = y / step - (c->r - 1), p.left = x / step - (c->r - 1);
  *set = y % step * step + x % step;
  return with_tiles(p, c->m);
}

static int panel_count(const correlation *c) { return tiles_of(c->out_c, 2 * kernels()->width); }

int winograd_layout(const winograd_shape *s, int backward) { return tile_size(s, backward); }

size_t winograd_packed_size(const winograd_shape *s, int backward) {
  correlation c = plan(s, backward);
  return (size_t)c.out_step * c.out_step * c.t * c.t * panel_count(&c) * c.depth * 2 * kernels()->width;
}

void winograd_pack(const winograd_shape *s, int backward, const float *weights, float *packed, int part, int parts) {
  correlation c = plan(s, backward);
  kernels()->pack(s, &c, backward, weights, packed, part, parts);
}

size_t winograd_scratch_size(const winograd_shape *s, int pass) {
  correlation c = plan(s, pass == winograd_pass_input);
  int tiles = block_tiles(&c, kernels()->rows, pass == winograd_pass_weights), padded = panel_count(&c) * 2 * kernels()->width;
  size_t in = position_stride((size_t)tiles * row_stride(c.depth)), out = position_stride((size_t)tiles * padded);
  return 16 + staging_size(&c) + round_up(c.out_c, 32) + c.t * c.t * (in + out);
}

// Parts share the tiles, unless these are so few that each part would read all of the weights for little use: then they
// share the output channels, and each transforms all inputs.
static void correlate_part(const correlation *c, const phase *p, const float *in, const float *packed, const float *bias,
                           float *out, float *scratch, int part, int parts) {
  int tiles = c->n * p->tiles, panels = panel_count(c), rows = kernels()->rows;
  if (!tiles) return;
#ifndef FEW_TILES
#define FEW_TILES 48
#endif
  if (tiles / parts < FEW_TILES && panels >= parts) {
    kernels()->correlate(c, p, in, packed, bias, out, scratch, 0, tiles, share(panels, part, parts),
                         share(panels, part + 1, parts));
  } else {
    int groups = tiles_of(tiles, rows), from = smaller(tiles, share(groups, part, parts) * rows);
    int to = smaller(tiles, share(groups, part + 1, parts) * rows);
    kernels()->correlate(c, p, in, packed, bias, out, scratch, from, to, 0, panels);
  }
}

void winograd_forward(const winograd_shape *s, const float *x, const float *packed, const float *bias, float *y,
                      float *scratch, int part, int parts) {
  correlation c = plan(s, 0);
  phase p = forward_phase(&c);
  correlate_part(&c, &p, x, packed, bias, y, scratch, part, parts);
}

void winograd_input_gradient(const winograd_shape *s, const float *dy, const float *packed, const float *bias, float *dx,
                             float *scratch, int part, int parts) {
  correlation c = plan(s, 1);
  size_t size = (size_t)c.t * c.t * panel_count(&c) * c.depth * 2 * kernels()->width;
  for (int first = 0; first < s->stride * s->stride; first++) {
    int set;
    phase p = backward_phase(&c, first / s->stride, first % s->stride, &set);
    correlate_part(&c, &p, dy, packed + set * size, bias, dx, scratch, part, parts);
  }
}

// In how many shares the tiles are summed: each makes partial sums of its own, and these are as large as packed weights.
// The parts of one share divide the output channels among themselves.
static int tile_shares(const correlation *c, int parts) {
  size_t sums = (size_t)c->t * c->t * c->depth * c->out_c;
  int panels = panel_count(c), columns = 1;
#ifndef BIG_SUMS
#define BIG_SUMS 1500000
#endif
  for (int each = 2; each <= parts; each++) {
    if (parts % each || each > panels) continue;
    if (sums * (parts / columns) > BIG_SUMS) columns = each;
  }
  return parts / columns;
}

size_t winograd_partial_size(const winograd_shape *s, int parts) {
  correlation c = plan(s, 0);
  return (size_t)tile_shares(&c, parts) * c.t * c.t * panel_count(&c) * c.depth * 2 * kernels()->width;
}

void winograd_weight_gradient(const winograd_shape *s, const float *x, const float *dy, float *partial, float *scratch,
                              int part, int parts) {
  correlation c = plan(s, 0);
  phase p = forward_phase(&c);
  int shares = tile_shares(&c, parts), columns = parts / shares, panels = panel_count(&c), tiles = c.n * p.tiles;
  int row = part / columns, column = part % columns;
  kernels()->gradient(&c, &p, x, dy, partial + row * (winograd_partial_size(s, parts) / shares), scratch,
                      share(tiles, row, shares), share(tiles, row + 1, shares), share(panels, column, columns),
                      share(panels, column + 1, columns));
}

void winograd_weight_gradient_finish(const winograd_shape *s, const float *partial, int partial_parts, float *dw, int part,
                                     int parts) {
  correlation c = plan(s, 0);
  kernels()->finish(s, &c, partial, tile_shares(&c, partial_parts), dw, part, parts);
}
