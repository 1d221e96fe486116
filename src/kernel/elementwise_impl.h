/* kernel/elementwise_impl.h: operators on each element; compiled once per level. */
#ifndef EDB_KERNEL_ELEMENTWISE_IMPL_H
#define EDB_KERNEL_ELEMENTWISE_IMPL_H

#include "kernel/kernel.h"
#include "kernel/math.h"

VF_INLINE const float *span_row(edb_span x, size_t r) {
  return x.data + (ptrdiff_t)r * x.row_stride;
}

/* Entries c .. c + 15 of a row. */
VF_INLINE edb_vf span_load(const float *row, ptrdiff_t col_stride, size_t c) {
  return col_stride == 0 ? vf_set1(*row) : vf_load(row + c);
}
/* Entries c .. c + n - 1; the other lanes are +0, also for a row of one number. */
VF_INLINE edb_vf span_load_n(const float *row, ptrdiff_t col_stride, size_t c, size_t n) {
  if (col_stride == 0) return vf_blend(vm_first(n), vf_set1(*row), vf_set1(0.0f));
  return vf_load_n(row + c, n);
}

/* Rows that lie one after another, or one number for all, can be taken as one long row. */
VF_INLINE bool span_is_long(edb_span x, size_t cols) {
  return x.row_stride == (x.col_stride == 0 ? 0 : (ptrdiff_t)cols);
}

/* One column: the stride between columns means nothing, take the form that joins rows. */
VF_INLINE void span_simplify(edb_span *x, size_t cols) {
  if (cols == 1) x->col_stride = x->row_stride != 0;
}

typedef edb_vf (*vf_unary)(edb_vf);
typedef edb_vf (*vf_binary)(edb_vf, edb_vf);

VF_INLINE void unary_row(size_t cols, const float *x, ptrdiff_t x_stride, float *y, vf_unary f) {
  size_t c = 0;
  for (; c + VF_LANES <= cols; c += VF_LANES) vf_store(y + c, f(span_load(x, x_stride, c)));
  if (c < cols) vf_store_n(y + c, f(span_load_n(x, x_stride, c, cols - c)), cols - c);
}

VF_INLINE void unary(size_t rows, size_t cols, edb_span x, float *y, ptrdiff_t y_stride,
                     vf_unary f) {
  span_simplify(&x, cols);
  if (span_is_long(x, cols) && y_stride == (ptrdiff_t)cols) {
    cols *= rows;
    rows = 1;
  }
  for (size_t r = 0; r < rows; r++) {
    unary_row(cols, span_row(x, r), x.col_stride, y + (ptrdiff_t)r * y_stride, f);
  }
}

VF_INLINE void binary_row(size_t cols, const float *a, ptrdiff_t a_stride, const float *b,
                          ptrdiff_t b_stride, float *y, vf_binary f) {
  size_t c = 0;
  for (; c + VF_LANES <= cols; c += VF_LANES) {
    vf_store(y + c, f(span_load(a, a_stride, c), span_load(b, b_stride, c)));
  }
  if (c < cols) {
    const size_t n = cols - c;
    vf_store_n(y + c, f(span_load_n(a, a_stride, c, n), span_load_n(b, b_stride, c, n)), n);
  }
}

VF_INLINE void binary(size_t rows, size_t cols, edb_span a, edb_span b, float *y,
                      ptrdiff_t y_stride, vf_binary f) {
  span_simplify(&a, cols);
  span_simplify(&b, cols);
  if (span_is_long(a, cols) && span_is_long(b, cols) && y_stride == (ptrdiff_t)cols) {
    cols *= rows;
    rows = 1;
  }
  for (size_t r = 0; r < rows; r++) {
    binary_row(cols, span_row(a, r), a.col_stride, span_row(b, r), b.col_stride,
               y + (ptrdiff_t)r * y_stride, f);
  }
}

/* Operators of n operands, of which there are at most EDB_MAX_OPERANDS; n is a constant where these
 * are used. */
#define EDB_MAX_OPERANDS 4
typedef edb_vf (*vf_combine)(const edb_vf *v);

VF_INLINE void combine_row(const size_t n, size_t cols, const float *const *x,
                           const ptrdiff_t *stride, float *y, vf_combine f) {
  edb_vf v[EDB_MAX_OPERANDS];
  size_t c = 0;
  for (; c + VF_LANES <= cols; c += VF_LANES) {
    VF_UNROLL
    for (size_t i = 0; i < n; i++) v[i] = span_load(x[i], stride[i], c);
    vf_store(y + c, f(v));
  }
  if (c < cols) {
    VF_UNROLL
    for (size_t i = 0; i < n; i++) v[i] = span_load_n(x[i], stride[i], c, cols - c);
    vf_store_n(y + c, f(v), cols - c);
  }
}

VF_INLINE void combine(const size_t n, size_t rows, size_t cols, const edb_span *x, float *y,
                       ptrdiff_t y_stride, vf_combine f) {
  const float *row[EDB_MAX_OPERANDS];
  ptrdiff_t step[EDB_MAX_OPERANDS], stride[EDB_MAX_OPERANDS];
  bool joined = y_stride == (ptrdiff_t)cols;
  for (size_t i = 0; i < n; i++) {
    edb_span s = x[i];
    span_simplify(&s, cols);
    row[i] = s.data, step[i] = s.row_stride, stride[i] = s.col_stride;
    joined = joined && span_is_long(s, cols);
  }
  if (joined) {
    cols *= rows;
    rows = 1;
  }
  for (size_t r = 0; r < rows; r++, y += y_stride) {
    combine_row(n, cols, row, stride, y, f);
    for (size_t i = 0; i < n; i++) row[i] += step[i];
  }
}

/* NaN if either is; of equal ones (-0 and +0) the second. */
VF_INLINE edb_vf vf_max(edb_vf a, edb_vf b) {
  return vf_blend(vf_nan(a), a, vf_greater(a, b));
}
VF_INLINE edb_vf vf_min(edb_vf a, edb_vf b) {
  return vf_blend(vf_nan(a), a, vf_less(a, b));
}
/* x where it is not negative: NaN and -0 stay as they are. */
VF_INLINE edb_vf vf_relu(edb_vf x) {
  return vf_greater(vf_set1(0.0f), x);
}
VF_INLINE edb_vf vf_copy(edb_vf x) {
  return x;
}

/* Two operators, or three, in one pass; each rounds as it does alone. */
VF_INLINE edb_vf vf_add_sigmoid(edb_vf a, edb_vf b) {
  return vf_sigmoid(vf_add(a, b));
}
VF_INLINE edb_vf vf_add_tanh(edb_vf a, edb_vf b) {
  return vf_tanh(vf_add(a, b));
}
VF_INLINE edb_vf vf_tanh_mul(edb_vf a, edb_vf b) {
  return vf_mul(vf_tanh(a), b);
}
VF_INLINE edb_vf vf_mul_tanh(edb_vf a, edb_vf b) {
  return vf_mul(a, vf_tanh(b));
}
VF_INLINE edb_vf vf_add_mul(const edb_vf *v) {
  return vf_add(v[0], vf_mul(v[1], v[2]));
}
VF_INLINE edb_vf vf_mul_add(const edb_vf *v) {
  return vf_add(vf_mul(v[0], v[1]), v[2]);
}
VF_INLINE edb_vf vf_add_add_sigmoid(const edb_vf *v) {
  return vf_sigmoid(vf_add(vf_add(v[0], v[1]), v[2]));
}
VF_INLINE edb_vf vf_add_add_tanh(const edb_vf *v) {
  return vf_tanh(vf_add(vf_add(v[0], v[1]), v[2]));
}
VF_INLINE edb_vf vf_mul_mul_add(const edb_vf *v) {
  return vf_add(vf_mul(v[0], v[1]), vf_mul(v[2], v[3]));
}

/* The table's functions: kernel_NAME applies vf_NAME. */
#define EDB_UNARY_LIST(X) \
  X(neg) X(sigmoid) X(tanh) X(relu) X(gelu) X(exp) X(log) X(sqrt) X(abs) X(sin) X(cos) X(copy)
#define EDB_BINARY_LIST(X) \
  X(add) X(sub) X(mul) X(div) X(min) X(max) X(add_sigmoid) X(add_tanh) X(tanh_mul) X(mul_tanh)
/* X(name, operands) */
#define EDB_COMBINED_LIST(X) \
  X(mul_add, 3) X(add_mul, 3) X(add_add_sigmoid, 3) X(add_add_tanh, 3) X(mul_mul_add, 4)

#define EDB_UNARY_KERNEL(name)                                                                    \
  static void kernel_##name(size_t rows, size_t cols, edb_span x, float *y, ptrdiff_t y_stride) { \
    unary(rows, cols, x, y, y_stride, vf_##name);                                                 \
  }
#define EDB_BINARY_KERNEL(name)                                                         \
  static void kernel_##name(size_t rows, size_t cols, edb_span a, edb_span b, float *y, \
                            ptrdiff_t y_stride) {                                       \
    binary(rows, cols, a, b, y, y_stride, vf_##name);                                   \
  }

#define EDB_COMBINED_KERNEL(name, n)                                               \
  static void kernel_##name(size_t rows, size_t cols, const edb_span *x, float *y, \
                            ptrdiff_t y_stride) {                                  \
    combine(n, rows, cols, x, y, y_stride, vf_##name);                             \
  }

EDB_UNARY_LIST(EDB_UNARY_KERNEL)
EDB_BINARY_LIST(EDB_BINARY_KERNEL)

EDB_COMBINED_LIST(EDB_COMBINED_KERNEL)

#endif
