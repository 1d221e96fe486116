/* layout/plan_reasons.h: why a plan copies what it copies, for people to read: nothing that runs
 * depends on it. */
#ifndef EDB_LAYOUT_PLAN_REASONS_H
#define EDB_LAYOUT_PLAN_REASONS_H

#include "layout/arrange_cell.h"
#include "layout/plan.h"

typedef enum edb_copy_reason {
  EDB_COPY_BESIDE,    /* an input that `kernel` takes in one piece with values of the cell */
  EDB_COPY_INPUTS,    /* an input that `kernel` takes in one piece with other inputs: placement can
                         have it stored there */
  EDB_COPY_UNEVEN,    /* an input that is gathered where its rows are not evenly spaced, because
                         `kernel` takes no row through a pointer */
  EDB_COPY_READERS,   /* the same, because several kernels read it */
  EDB_COPY_ATTRIBUTE, /* an attribute: graphs keep them node by node */
  EDB_COPY_PASSED_ON, /* an output that is an input or attribute, or a part of one */
  EDB_COPY_PARAMETER, /* one row for all nodes; each node has to have its own */
  EDB_COPY_AGAIN,     /* an output whose value, or of which a part, another output has */
  EDB_COPY_INSIDE,    /* an output that `kernel` reads or makes in one piece with other values */
  EDB_COPY_EACH,      /* a node's value that a concat wants for each element */
  EDB_COPY_REPEATED,  /* an operand that stands in the concat before */
  EDB_COPY_PART,      /* an operand that is some columns of a value */
  EDB_COPY_ANEW,      /* an operand of a concat that has such operands, and so is made anew */
  EDB_COPY_RIVALS,    /* an operand of a concat that cannot have its order, for the rivals' sake */
  EDB_COPY_SEARCH,    /* the same, but no rivals are known: the search for an order was cut short */
  EDB_COPY_CREATED    /* the cell is cheaper in the order of creation, which gathers for `kernel` */
} edb_copy_reason;

#define EDB_COPY_NOTHING UINT32_MAX

typedef struct edb_copied {
  edb_copy_reason reason;
  uint32_t step; /* of the plan; NOTHING: before the first one, if need be */
  bool is_known; /* what `value` is; else a temporary */
  edb_ref value;
  uint32_t concat;              /* operator that wants it there, or NOTHING */
  uint32_t output;              /* that it is stored as, or NOTHING */
  uint32_t kernel;              /* step, or NOTHING */
  size_t bytes;                 /* per row */
  size_t first_rival, n_rivals; /* in edb_plan_reasons.rivals */
} edb_copied;

typedef struct edb_plan_reasons {
  edb_context *ctx;
  EDB_VEC(edb_copied)
  copies; /* inputs that may be gathered first, then in the order of the steps */
  edb_rivals rivals;
} edb_plan_reasons;

/* *out is to be freed whatever is returned. */
EDB_MUST_CHECK edb_status edb_plan_find_reasons(edb_context *ctx, const edb_plan *plan,
                                                edb_plan_reasons *out, edb_error *error);
void edb_plan_reasons_free(edb_plan_reasons *reasons);

#endif
