// The vector code of winograd.c, which includes this for each kind of processor with WIDTH (floats in a vector), ROWS
// (of a block of products that is kept in registers, two vectors wide) and NAME. Nothing else differs between them.

#include "winograd_transforms.h"

// The algorithms in use. The constants make each a function of its own.
#define FOR_ALGORITHM(t, m, call) \
  do { \
    if ((t) == 3) call(3, 2); \
    else if ((t) == 4) call(4, 2); \
    else if ((t) == 5) call(5, 4); \
    else if ((m) == 4) call(6, 4); \
    else call(6, 3); \
  } while (0)

// sum (+)= a b, for `rows` rows and two vectors of columns.
INLINE void NAME(product)(int rows, const float *a, ptrdiff_t a_row, ptrdiff_t a_step, const float *b, int depth,
                          float *sum, ptrdiff_t sum_row, int add) {
  vec s[ROWS][2];
  UNROLL for (int i = 0; i < rows; i++) s[i][0] = s[i][1] = (vec){0};
  for (int k = 0; k < depth; k++, a += a_step, b += panel_width) {
    vec b0 = load(b), b1 = load(b + WIDTH);
    UNROLL for (int i = 0; i < rows; i++) {
      s[i][0] += a[i * a_row] * b0;
      s[i][1] += a[i * a_row] * b1;
    }
  }
  UNROLL for (int i = 0; i < rows; i++) {
    float *p = sum + i * sum_row;
    if (add) s[i][0] += load(p), s[i][1] += load(p + WIDTH);
    store(p, s[i][0]);
    store(p + WIDTH, s[i][1]);
  }
}

#define PRODUCT_ROWS(n, ...) case n: NAME(product)(n, __VA_ARGS__); break
#if ROWS > 6
#define PRODUCT_MORE(...) \
  PRODUCT_ROWS(6, __VA_ARGS__); PRODUCT_ROWS(7, __VA_ARGS__); PRODUCT_ROWS(8, __VA_ARGS__); \
  PRODUCT_ROWS(9, __VA_ARGS__); PRODUCT_ROWS(10, __VA_ARGS__); PRODUCT_ROWS(11, __VA_ARGS__)
#else
#define PRODUCT_MORE(...)
#endif
#define PRODUCT(rows, ...) \
  switch (rows) { \
    PRODUCT_ROWS(1, __VA_ARGS__); PRODUCT_ROWS(2, __VA_ARGS__); PRODUCT_ROWS(3, __VA_ARGS__); \
    PRODUCT_ROWS(4, __VA_ARGS__); PRODUCT_ROWS(5, __VA_ARGS__); PRODUCT_MORE(__VA_ARGS__); \
    default: NAME(product)(ROWS, __VA_ARGS__); \
  }

// Rows of a are contiguous along the inner dimension.
static __attribute__((noinline)) void NAME(product_rows)(int rows, const float *a, ptrdiff_t a_row, const float *b,
                                                         int depth, float *sum, ptrdiff_t sum_row, int add) {
  PRODUCT(rows, a, a_row, 1, b, depth, sum, sum_row, add)
}

// The transpose of a: `rows` neighbors at each step of the inner dimension.
static __attribute__((noinline)) void NAME(product_columns)(int rows, const float *a, ptrdiff_t a_step, const float *b,
                                                            int depth, float *sum, int add) {
  PRODUCT(rows, a, 1, a_step, b, depth, sum, panel_width, add)
}

// A window of an image: its pixels as they are where it lies inside and whole vectors can be read, else a copy.
static const float *NAME(window)(const float *image, const float *end, int h, int w, int c, int top, int left, int size,
                                 float *staging, ptrdiff_t *row) {
  *row = (ptrdiff_t)w * c;
  const float *at = image + top * *row + (ptrdiff_t)left * c;
  int inside = top >= 0 && left >= 0 && top + size <= h && left + size <= w;
  // A vector may begin at any channel of the last pixel (and of the one before it, where phases are read as pairs).
  if (inside && end - (at + (size - 1) * *row + (ptrdiff_t)size * c) >= WIDTH) return at;
  *row = (ptrdiff_t)size * c;
  int from = left < 0 ? smaller(-left, size) : 0, to = smaller(size, w - left);
  for (int y = 0; y < size; y++) {
    float *line = staging + y * *row;
    if (top + y < 0 || top + y >= h || from >= to) {
      memset(line, 0, sizeof(float) * *row);
      continue;
    }
    memset(line, 0, sizeof(float) * from * c);
    memcpy(line + (ptrdiff_t)from * c, image + ((ptrdiff_t)(top + y) * w + left + from) * c,
           sizeof(float) * (to - from) * c);
    memset(line + (ptrdiff_t)to * c, 0, sizeof(float) * (size - to) * c);
  }
  return staging;
}

static void NAME(input_block)(const correlation *c, const phase *p, const float *in, float *staging, float *to,
                              size_t position, int tile_from, int tile_to) {
  size_t image = (size_t)c->in_h * c->in_w * c->in_c;
  int lead = row_stride(c->depth), step = c->in_step, channels = step * c->in_c, per_image = p->tiles;
  for (int tile = tile_from; tile < tile_to; tile++, to += lead) {
    int n = tile / per_image, y = tile % per_image / p->tiles_x * c->m, x = tile % p->tiles_x * c->m;
    ptrdiff_t row;
    const float *at = NAME(window)(in + n * image, in + c->n * image, c->in_h, c->in_w, c->in_c, p->top + y * step,
                                   p->left + x * step, c->t * step, staging, &row);
    for (int py = 0; py < step; py++) {
#define CALL(t, m) NAME(input_tile)(t, at + py * row, row * step, channels, channels, to + py * channels, position)
      FOR_ALGORITHM(c->t, c->m, CALL);
#undef CALL
    }
  }
}

static void NAME(correlate)(const correlation *c, const phase *p, const float *in, const float *packed,
                            const float *bias, float *out, float *scratch, int tile_from, int tile_to, int panel_from,
                            int panel_to) {
  int lead = row_stride(c->depth), panels = panel_to - panel_from;
  int all_panels = (c->columns + panel_width - 1) / panel_width;
  int out_lead = panels * panel_width, first = panel_from * panel_width;
  int last = smaller(c->columns, first + out_lead), step = c->out_step, tt = c->t * c->t;
  int most = block_tiles(c, ROWS, 0), tiles = tile_to - tile_from, blocks = (tiles + most - 1) / most;
  size_t image = (size_t)c->out_h * c->out_w * c->out_c;
  ptrdiff_t line = (ptrdiff_t)c->out_w * c->out_c;
  float *staging = aligned(scratch), *biases = staging + staging_size(c);
  float *inputs = biases + round_up(c->out_c + 16, 16);
  memset(biases, 0, sizeof(float) * (c->out_c + 16));
  if (bias) memcpy(biases, bias, sizeof(float) * c->out_c);
  for (int block = 0; block < blocks; block++) {
    // Whole blocks of rows, and as even as that allows.
    int groups = (tiles + ROWS - 1) / ROWS;
    int from = tile_from + smaller(tiles, share(groups, block, blocks) * ROWS);
    int to = tile_from + smaller(tiles, share(groups, block + 1, blocks) * ROWS), count = to - from;
    size_t in_position = position_stride((size_t)count * lead);
    size_t out_position = position_stride((size_t)count * out_lead);
    float *outputs = inputs + tt * in_position;
    NAME(input_block)(c, p, in, staging, inputs, in_position, from, to);
    for (int i = 0; i < tt; i++) {
      enum { most_depth = 256 };  // What of a panel stays in the first cache.
      for (int depth = 0; depth < c->depth; depth += most_depth) {
        int steps = smaller(most_depth, c->depth - depth);
        const float *a = inputs + i * in_position + depth;
        const float *b = packed + (((size_t)i * all_panels + panel_from) * c->depth + depth) * panel_width;
        float *sums = outputs + i * out_position;
        for (int panel = 0; panel < panels; panel++, b += (size_t)c->depth * panel_width, sums += panel_width)
          for (int row = 0; row < count; row += ROWS)
            NAME(product_rows)(smaller(ROWS, count - row), a + (size_t)row * lead, lead, b, steps,
                               sums + (size_t)row * out_lead, out_lead, depth > 0);
      }
    }
    for (int tile = from; tile < to; tile++) {
      int n = tile / p->tiles, y = tile % p->tiles / p->tiles_x * c->m, x = tile % p->tiles_x * c->m;
      for (int set = first / c->out_c; set * c->out_c < last; set++) {
        int column = set * c->out_c < first ? first : set * c->out_c, channel = column - set * c->out_c;
        int channels = smaller(c->out_c, last - set * c->out_c) - channel;
        int top = p->first_y + set / step + y * step, left = p->first_x + set % step + x * step;
        float *at = out + n * image + top * line + (ptrdiff_t)left * c->out_c + channel;
        const float *product = outputs + (size_t)(tile - from) * out_lead + column - first;
#define CALL(t, m) \
  NAME(output_tile)(t, m, product, out_position, biases + channel, channels, at, step * line, step * c->out_c, \
                    top < 0, outputs_before(top, step, c->out_h), left < 0, outputs_before(left, step, c->out_w))
        FOR_ALGORITHM(c->t, c->m, CALL);
#undef CALL
      }
    }
  }
}

static void NAME(gradient)(const correlation *c, const phase *p, const float *x, const float *dy, float *partial,
                           float *scratch, int tile_from, int tile_to, int panel_from, int panel_to) {
  int lead = row_stride(c->depth), panels = panel_to - panel_from;
  int all_panels = (c->columns + panel_width - 1) / panel_width;
  int first = panel_from * panel_width, channels = smaller(c->out_c - first, panels * panel_width), tt = c->t * c->t;
  int most = block_tiles(c, ROWS, 1), tiles = tile_to - tile_from, blocks = (tiles + most - 1) / most;
  size_t image = (size_t)c->out_h * c->out_w * c->out_c;
  float *staging = aligned(scratch), *inputs = staging + staging_size(c);
  if (!blocks) {
    for (int i = 0; i < tt; i++)
      memset(partial + ((size_t)i * all_panels + panel_from) * c->depth * panel_width, 0,
             sizeof(float) * panels * c->depth * panel_width);
  }
  for (int block = 0; block < blocks; block++) {
    int from = tile_from + share(tiles, block, blocks), to = tile_from + share(tiles, block + 1, blocks);
    int count = to - from;
    size_t in_position = position_stride((size_t)count * lead), panel_size = (size_t)count * panel_width;
    size_t out_position = position_stride(panels * panel_size);
    float *gradients = inputs + tt * in_position;
    NAME(input_block)(c, p, x, staging, inputs, in_position, from, to);
    // The last panel may have a vector that no channel writes to.
    if (channels <= panels * panel_width - WIDTH) {
      for (int i = 0; i < tt; i++)
        memset(gradients + i * out_position + (panels - 1) * panel_size, 0, sizeof(float) * panel_size);
    }
    for (int tile = from; tile < to; tile++) {
      int n = tile / p->tiles, top = tile % p->tiles / p->tiles_x * c->m, left = tile % p->tiles_x * c->m;
      ptrdiff_t row;
      const float *at = NAME(window)(dy + n * image, dy + c->n * image, c->out_h, c->out_w, c->out_c, top, left, c->m,
                                     staging, &row);
      float *place = gradients + (size_t)(tile - from) * panel_width;
#define CALL(t, m) NAME(gradient_tile)(t, m, at + first, row, c->out_c, channels, place, out_position, panel_size)
      FOR_ALGORITHM(c->t, c->m, CALL);
#undef CALL
    }
    for (int i = 0; i < tt; i++) {
      for (int panel = 0; panel < panels; panel++) {
        float *sum = partial + ((size_t)i * all_panels + panel_from + panel) * c->depth * panel_width;
        for (int row = 0; row < c->depth; row += ROWS)
          NAME(product_columns)(smaller(ROWS, c->depth - row), inputs + i * in_position + row, lead,
                                gradients + i * out_position + panel * panel_size, count,
                                sum + (size_t)row * panel_width, block > 0);
      }
    }
  }
}

// The columns of a panel are output channels of the pass, `column` floats apart in the weights.
static void NAME(pack)(const winograd_shape *s, const correlation *c, int backward, const float *weights, float *packed,
                       int part, int parts) {
  int taps = s->kernel * s->kernel, t = c->t, r = c->r, stride = s->stride;
  int panels = (c->columns + panel_width - 1) / panel_width;
  ptrdiff_t row = backward ? (ptrdiff_t)s->c * taps : taps, column = backward ? taps : (ptrdiff_t)s->c * taps;
  size_t position = (size_t)panels * c->depth * panel_width;
  float g[max_t][max_taps], lanes[max_taps * max_taps][panel_width];
  winograd_tap_matrix(t, r, g);
  memset(lanes, 0, sizeof lanes);
  int to = share(panels * c->in_c, part + 1, parts);
  for (int item = share(panels * c->in_c, part, parts); item < to; item++) {
    int panel = item / c->in_c, in = item % c->in_c, first = panel * panel_width;
    // All of the lanes' taps at once: phases are neighbors in the weights.
    for (int l = 0; l < panel_width; l++) {
      int set = (first + l) / c->out_c, channel = (first + l) % c->out_c;
      const float *from = weights + in * row + channel * column;
      if (first + l >= c->columns)
        for (int tap = 0; tap < taps; tap++) lanes[tap][l] = 0;
      else if (c->sets == 1)
        for (int tap = 0; tap < taps; tap++) lanes[tap][l] = from[tap];
      else
        for (int tap = 0; tap < r * r; tap++)
          lanes[tap][l] = from[tap_place(c, backward, set / stride, tap / r) * s->kernel +
                               tap_place(c, backward, set % stride, tap % r)];
    }
    for (int set = 0; set < stride * stride / c->sets; set++) {
      // A phase of inputs is further rows of the same product; one of outputs is a product of its own.
      size_t place = ((size_t)panel * c->depth + in) * panel_width;
      place += backward ? set * position * t * t : (size_t)set * c->in_c * panel_width;
      for (int l = 0; l < panel_width; l += WIDTH) {
        vec half[max_t][max_taps];
        for (int x = 0; x < r; x++) {
          vec w[max_taps];
          for (int y = 0; y < r; y++) {
            int tap = c->sets > 1 ? y * r + x : tap_place(c, backward, set / stride, y) * s->kernel +
                                                  tap_place(c, backward, set % stride, x);
            w[y] = load(&lanes[tap][l]);
          }
          for (int i = 0; i < t; i++) {
            vec sum = {0};
            for (int y = 0; y < r; y++) sum += g[i][y] * w[y];
            half[i][x] = sum;
          }
        }
        for (int i = 0; i < t; i++)
          for (int j = 0; j < t; j++) {
            vec sum = {0};
            for (int x = 0; x < r; x++) sum += g[j][x] * half[i][x];
            store(packed + place + (size_t)(i * t + j) * position + l, sum);
          }
      }
    }
  }
}

static void NAME(finish)(const winograd_shape *s, const correlation *c, const float *partial, int partials, float *dw,
                         int part, int parts) {
  int taps = s->kernel * s->kernel, t = c->t, r = c->r, stride = s->stride;
  int panels = (c->columns + panel_width - 1) / panel_width;
  size_t position = (size_t)panels * c->depth * panel_width;
  float g[max_t][max_taps], lanes[max_taps * max_taps][panel_width];
  winograd_tap_matrix(t, r, g);
  int to = share(panels * c->in_c, part + 1, parts);
  for (int item = share(panels * c->in_c, part, parts); item < to; item++) {
    int panel = item / c->in_c, in = item % c->in_c, columns = smaller(panel_width, c->out_c - panel * panel_width);
    for (int set = 0; set < stride * stride; set++) {
      const float *from = partial + ((size_t)panel * c->depth + (size_t)set * c->in_c + in) * panel_width;
      // Whole lines at once, for the positions are so far apart that they drive each other out of the caches; and the
      // next but few ahead of time, for there are too many of them to be foreseen by the processor.
      float sums[max_t * max_t][panel_width];
      for (int i = 0; i < t * t; i++) {
        const float *at = from + i * position;
        __builtin_prefetch(at + 4 * panel_width);
        vec low = load(at), high = load(at + WIDTH);
        for (int q = 1; q < partials; q++) {
          at += t * t * position;
          low += load(at), high += load(at + WIDTH);
        }
        store(sums[i], low);
        store(sums[i] + WIDTH, high);
      }
      for (int l = 0; l < panel_width; l += WIDTH) {
        vec half[max_taps][max_t];
        for (int j = 0; j < t; j++) {
          for (int y = 0; y < r; y++) {
            vec sum = {0};
            for (int i = 0; i < t; i++) sum += g[i][y] * load(sums[i * t + j] + l);
            half[y][j] = sum;
          }
        }
        for (int y = 0; y < r; y++)
          for (int x = 0; x < r; x++) {
            vec sum = {0};
            for (int j = 0; j < t; j++) sum += g[j][x] * half[y][j];
            store(&lanes[tap_place(c, 0, set / stride, y) * s->kernel + tap_place(c, 0, set % stride, x)][l], sum);
          }
      }
    }
    for (int l = 0; l < columns; l++)
      for (int tap = 0; tap < taps; tap++)
        dw[((size_t)(panel * panel_width + l) * s->c + in) * taps + tap] = lanes[tap][l];
  }
}

static const kernel_set NAME(kernels) = {WIDTH, ROWS, NAME(pack), NAME(correlate), NAME(gradient), NAME(finish)};

#undef vec
#undef loose
#undef load
#undef store
#undef panel_width
#undef INLINE
#undef UNROLL
#undef FOR_ALGORITHM
#undef PRODUCT
#undef PRODUCT_ROWS
#undef PRODUCT_MORE
#undef WIDTH
#undef ROWS
#undef NAME
