/* model/init.h: how a parameter gets its first values.
 *
 *   default     by what the parameter is: an embedding table or a matrix glorot, the gain of a
 * layer_norm ones, every other vector and every scalar zeros zeros, ones uniform(a)  uniform in
 * [-a, a) normal(s)   mean 0, standard deviation s glorot      uniform with a = sqrt(3 r / n): r
 * the number of axes, n the sum of their lengths, so sqrt(6 / (rows + columns)) for a matrix; a
 * table counts the axes of one entry only (Glorot and Bengio, 2010) */
#ifndef EDB_MODEL_INIT_H
#define EDB_MODEL_INIT_H

#include "model/ir.h"

/* X(ENUM, name in the file, takes an argument) */
#define EDB_INIT_LIST(X)       \
  X(DEFAULT, "default", false) \
  X(ZEROS, "zeros", false)     \
  X(ONES, "ones", false)       \
  X(UNIFORM, "uniform", true)  \
  X(NORMAL, "normal", true)    \
  X(GLOROT, "glorot", false)

typedef enum edb_init_kind {
#define EDB_INIT_ENUM(id, name, argument) EDB_INIT_##id,
  EDB_INIT_LIST(EDB_INIT_ENUM)
#undef EDB_INIT_ENUM
      EDB_INIT_COUNT
} edb_init_kind;

typedef struct edb_init {
  edb_init_kind kind;
  double a; /* of uniform and normal, else 0 */
} edb_init;

/* What a default depends on. */
typedef enum edb_param_role {
  EDB_PARAM_PLAIN, /* matrices, biases, initial states */
  EDB_PARAM_TABLE, /* the first operand of some lookup, or of rank 3 */
  EDB_PARAM_GAIN   /* the gain of some layer_norm, and no table */
} edb_param_role;

const char *edb_init_kind_name(edb_init_kind kind);
bool edb_init_takes_argument(edb_init_kind kind);
/* false: no initialiser has this name (of `length` bytes, as it stands in the file). */
bool edb_init_kind_from_name(const char *name, size_t length, edb_init_kind *out);

/* The role of every parameter, from the operators that read it: role[n_params]. */
void edb_param_roles(const edb_program *program, edb_param_role *role);

/* Fills edb_shape_size(shape) values. Every parameter has a random stream of its own, by its name,
 * so that adding one to a model leaves the values of the others as they were. */
void edb_init_fill(edb_init init, edb_param_role role, const char *name, edb_shape shape,
                   uint64_t seed, float *values);

#endif
