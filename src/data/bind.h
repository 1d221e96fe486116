/* data/bind.h: how the arguments of a call share out the inputs of its cell.
 *
 * The read section of a model file and the JSON lines say a call's inputs in the same way, so both
 * use this. An argument is a single node or a group of nodes, bare ("left", 3, "children") or
 * qualified by one output ("left.h", "3.h", "children.h").
 *
 *   - A qualified single fills one input that is not variadic, a qualified group one variadic
 * input.
 *   - The inputs that are left are shared evenly, in order: those that are not variadic among the
 * bare singles, the variadic ones among the bare groups.
 *   - Of a cell with variadic inputs that is called without groups, all bare singles are one group.
 *
 * Inside its share, an input takes from a bare node the output of its own name (or of its name
 * without trailing digits and underscores: h1, h_1 -> h); failing that, the output at the input's
 * position in the share. */
#ifndef EDB_DATA_BIND_H
#define EDB_DATA_BIND_H

#include "model/ir.h"

/* Where something stands in a file, for errors. */
typedef struct edb_place {
  const char *file;
  uint32_t line, column;
} edb_place;

#define EDB_BIND_NONE UINT32_MAX

typedef struct edb_bind_arg {
  bool group, qualified;
  /* Set by edb_bind_share: the inputs [first, first + count) among the variadic ones or the others.
   */
  bool variadic;
  uint32_t first, count;
} edb_bind_arg;

/* Errors: EDB_ERROR_FORMAT when the arguments do not cover the inputs exactly. */
EDB_MUST_CHECK edb_status edb_bind_share(const edb_type_sig *sig, edb_bind_arg *args,
                                         uint32_t n_args, edb_place place, edb_error *error);

/* Where input `input` of the cell stands in the share of `arg`, or EDB_BIND_NONE. */
uint32_t edb_bind_position(const edb_type_sig *sig, const edb_bind_arg *arg, uint32_t input);

/* The output of `producer` that a bare node gives to an input at `position` of a share, by name or
 * else by position (EDB_BIND_NONE: by name only); EDB_BIND_NONE when there is none, or when the
 * node has fewer outputs than the share has inputs. */
uint32_t edb_bind_output(const edb_input_sig *input, uint32_t position,
                         const edb_type_sig *producer);
/* An output by its name, or EDB_BIND_NONE. */
uint32_t edb_bind_output_named(const edb_type_sig *producer, const char *name);

/* EDB_ERROR_SHAPE unless the output fits the input. */
EDB_MUST_CHECK edb_status edb_bind_check(const edb_program *program, const edb_type_sig *sig,
                                         uint32_t input, const edb_type_sig *producer,
                                         uint32_t output, edb_place place, edb_error *error);

/* Names joined by ", " for an error text, cut with "..." where the room ends. */
typedef struct edb_name_list {
  char text[240];
  size_t length;
  uint32_t count;
  bool full;
} edb_name_list;
void edb_name_list_add(edb_name_list *list, const char *name);
edb_name_list edb_bind_input_names(const edb_type_sig *sig);
edb_name_list edb_bind_output_names(const edb_type_sig *sig);

#endif
