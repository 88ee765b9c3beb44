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

#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx2,fma"))), apply_to = function)
#define WIDTH 16
#define ROWS 12
#define NAME(name) avx512_##name
#include "winograd_kernels.h"
#pragma clang attribute pop
#endif

static const kernel_set *kernels(void) {
#if defined(__x86_64__)
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

static int round_to_panels(int columns) { return round_up(columns, 2 * kernels()->width); }

// Inputs that the outputs of all phases of one line begin at, for the gradient of an input of this size. Pixel i has
// the taps of phase (i + pad) % 2, the last of them at output (i + pad) / 2.
static int starts(int size, int pad) { return (size - 1 + pad) / 2 - pad / 2 + 1; }

// The tile size, and whether the phases of outputs share one product. What each choice costs is counted in products of
// a matrix column: a larger tile spares some, but makes more of the weights, and reads them with little use when there
// are few tiles; a transformed input counts as some more columns.
static int choose(const winograd_shape *s, int backward, int *sets) {
  int r = s->kernel / s->stride, best = 3, phases = backward ? s->stride : 1;
  int h = backward ? s->h : s->oh, w = backward ? s->w : s->ow, columns = backward ? s->c : s->k;
  double least = 0;
  *sets = 1;
  if (r == 4) return best;
  for (int m = 2; m <= 4; m += 2) {
    int products = phases * phases * (m + r - 1) * (m + r - 1);
    double tiles = (double)s->n * tiles_of(tiles_of(h, phases), m) * tiles_of(tiles_of(w, phases), m);
    double cost = products * (tiles + 50) * (round_to_panels(columns) + 24);
    if (m == 2 || cost < least) best = m, *sets = 1, least = cost;
    if (phases == 1) continue;
    tiles = (double)s->n * tiles_of(starts(h, s->pad_top), m) * tiles_of(starts(w, s->pad_left), m);
    cost = products / 4 * (tiles + 50) * (round_to_panels(4 * columns) + 24);
    if (cost < least) best = m, *sets = 4, least = cost;
  }
  return best;
}

static correlation plan(const winograd_shape *s, int backward) {
  int sets, m = choose(s, backward, &sets), r = s->kernel / s->stride;
  correlation c = {.n = s->n, .m = m, .r = r, .t = m + r - 1, .sets = sets};
  c.pad_top = s->pad_top, c.pad_left = s->pad_left;
  if (backward) {
    c.in_h = s->oh, c.in_w = s->ow, c.in_c = s->k, c.in_step = 1;
    c.out_h = s->h, c.out_w = s->w, c.out_c = s->c, c.out_step = s->stride;
  } else {
    c.in_h = s->h, c.in_w = s->w, c.in_c = s->c, c.in_step = s->stride;
    c.out_h = s->oh, c.out_w = s->ow, c.out_c = s->k, c.out_step = 1;
  }
  c.depth = c.in_c * c.in_step * c.in_step;
  c.columns = c.out_c * sets;
  return c;
}

static phase with_tiles(const correlation *c, phase p, int count_y, int count_x) {
  p.tiles_x = tiles_of(count_x, c->m), p.tiles = tiles_of(count_y, c->m) * p.tiles_x;
  return p;
}

static phase forward_phase(const correlation *c) {
  return with_tiles(c, (phase){.top = -c->pad_top, .left = -c->pad_left}, c->out_h, c->out_w);
}

// The pixels first, first + stride, ... of dx, and the phase of taps they have.
static phase backward_phase(const correlation *c, int first_y, int first_x, int *set) {
  int step = c->out_step, y = first_y + c->pad_top, x = first_x + c->pad_left;
  phase p = {.first_y = first_y, .first_x = first_x, .top = y / step - (c->r - 1), .left = x / step - (c->r - 1)};
  *set = y % step * step + x % step;
  return with_tiles(c, p, outputs_before(first_y, step, c->out_h), outputs_before(first_x, step, c->out_w));
}

// All phases, each at the pixels whose last tap is at the same output.
static phase shared_phase(const correlation *c) {
  int y = c->pad_top / 2, x = c->pad_left / 2;
  phase p = {.first_y = 2 * y - c->pad_top, .first_x = 2 * x - c->pad_left, .top = y - 1, .left = x - 1};
  return with_tiles(c, p, starts(c->out_h, c->pad_top), starts(c->out_w, c->pad_left));
}

static size_t product_size(const correlation *c) {
  return (size_t)c->t * c->t * c->depth * round_to_panels(c->columns);
}

static int panel_count(const correlation *c) { return tiles_of(c->columns, 2 * kernels()->width); }

int winograd_layout(const winograd_shape *s, int backward) {
  correlation c = plan(s, backward);
  return c.m * 8 + c.sets;
}

size_t winograd_packed_size(const winograd_shape *s, int backward) {
  correlation c = plan(s, backward);
  return product_size(&c) * (c.out_step * c.out_step / c.sets);
}

void winograd_pack(const winograd_shape *s, int backward, const float *weights, float *packed, int part, int parts) {
  correlation c = plan(s, backward);
  kernels()->pack(s, &c, backward, weights, packed, part, parts);
}

size_t winograd_scratch_size(const winograd_shape *s, int pass) {
  correlation c = plan(s, pass == winograd_pass_input);
  size_t tiles = block_tiles(&c, kernels()->rows, pass == winograd_pass_weights);
  size_t in = position_stride(tiles * row_stride(c.depth)), out = position_stride(tiles * round_to_panels(c.columns));
  return 16 + staging_size(&c) + round_up(c.out_c + 16, 16) + c.t * c.t * (in + out);
}

// Parts share the tiles, unless these are so few that each part would read all of the weights for little use: then they
// share the output channels, and each transforms all inputs.
static void correlate_part(const correlation *c, const phase *p, const float *in, const float *packed,
                           const float *bias, float *out, float *scratch, int part, int parts) {
  int tiles = c->n * p->tiles, panels = panel_count(c), rows = kernels()->rows;
  if (!tiles) return;
  if (tiles / parts < 48 && panels >= parts) {
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

void winograd_input_gradient(const winograd_shape *s, const float *dy, const float *packed, const float *bias,
                             float *dx, float *scratch, int part, int parts) {
  correlation c = plan(s, 1);
  if (c.sets > 1) {
    phase p = shared_phase(&c);
    correlate_part(&c, &p, dy, packed, bias, dx, scratch, part, parts);
    return;
  }
  for (int first = 0; first < s->stride * s->stride; first++) {
    int set;
    phase p = backward_phase(&c, first / s->stride, first % s->stride, &set);
    correlate_part(&c, &p, dy, packed + set * product_size(&c), bias, dx, scratch, part, parts);
  }
}

// In how many shares the tiles are summed: each makes partial sums of its own, and these are as large as packed
// weights. The parts of one share divide the output channels among themselves.
static int tile_shares(const correlation *c, int parts) {
  const size_t most = 2000000;
  int panels = panel_count(c), columns = 1;
  for (int each = 2; each <= smaller(parts, panels); each++)
    if (parts % each == 0 && product_size(c) * (parts / columns) > most) columns = each;
  return parts / columns;
}

size_t winograd_partial_size(const winograd_shape *s, int parts) {
  correlation c = plan(s, 0);
  return tile_shares(&c, parts) * product_size(&c);
}

void winograd_weight_gradient(const winograd_shape *s, const float *x, const float *dy, float *partial, float *scratch,
                              int part, int parts) {
  correlation c = plan(s, 0);
  phase p = forward_phase(&c);
  int shares = tile_shares(&c, parts), columns = parts / shares, panels = panel_count(&c), tiles = c.n * p.tiles;
  int row = part / columns, column = part % columns;
  kernels()->gradient(&c, &p, x, dy, partial + row * product_size(&c), scratch,
                      share(tiles, row, shares), share(tiles, row + 1, shares), share(panels, column, columns),
                      share(panels, column + 1, columns));
}

void winograd_weight_gradient_finish(const winograd_shape *s, const float *partial, int partial_parts, float *dw,
                                     int part, int parts) {
  correlation c = plan(s, 0);
  kernels()->finish(s, &c, partial, tile_shares(&c, partial_parts), dw, part, parts);
}
