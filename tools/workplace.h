/* tools/workplace.h: what most commands open first: context, model, weights, data, policy. */
#ifndef EDB_TOOLS_WORKPLACE_H
#define EDB_TOOLS_WORKPLACE_H

#include <edbatch/edbatch.h>

#include "options.h"

typedef struct workplace {
  const command *command;
  const options *options;
  edb_context *ctx;
  edb_model *model;
  edb_weights *weights;
  edb_dataset *data;
  edb_placement_kind placement; /* of the sessions that runners open */
  bool runs_once;               /* what `best` schedules, unless --minimise says otherwise */
  edb_costs *row_costs;         /* those of --costs, for sessions */
  edb_error error;
} workplace;

/* Opens the context; then model, data and weights, in the order that vocabularies need. 0,
 * EXIT_USAGE or EXIT_FAILED after a message. Close in any case. */
int workplace_open_context(workplace *w, const command *c, const options *o, edb_simd simd);
int workplace_open(workplace *w, const command *c, const options *o);
/* The model alone, with the constants of --set. */
int workplace_open_model(workplace *w, const char *path);
void workplace_close(workplace *w);

/* Prints the error on stderr: EXIT_FAILED. */
int workplace_failed(const workplace *w);

/* Says that there was none: EXIT_FAILED. */
int workplace_no_memory(const workplace *w);

/* Options that name things; EXIT_USAGE after a message. */
/* Without --granularity that of the policy file, if one is given. */
int read_granularity(const command *c, const options *o, edb_granularity *out);
/* Of the file of --policy or --policy-file; false: there is none, or none that says. */
bool policy_granularity(const options *o, edb_granularity *out);
const char *granularity_name(edb_granularity granularity);
const char *placement_name(edb_placement_kind placement);
int read_placement(const command *c, const options *o, edb_placement_kind *out);
int read_device(const command *c, const options *o, edb_device *out);
int read_precision(const command *c, const options *o, edb_precision *out);
int read_simd(const command *c, const options *o, edb_simd *out);
/* --no-hoist, --no-share, --no-table, --table-mib. */
void read_reduction(const options *o, edb_session_params *params);
/* --threads, --threads-by and --pin. */
int read_threads(const command *c, const options *o, edb_session_params *params);
int read_learn_params(const command *c, const options *o, edb_learn_params *out);

/* A graph of `count` instances from `first` on. */
int workplace_graph(workplace *w, uint32_t first, uint32_t count, edb_graph **out);

/* The policy of `name` (NULL: what --policy and --policy-file say, else `fallback`). fsm without a
 * file is learned from the data, with a note on stderr. The session (NULL: there is none) tells
 * what batches cost about, where --costs does not. */
int workplace_policy(workplace *w, edb_session *session, const char *name, edb_policy_kind fallback,
                     edb_policy **out);
/* What best minimises: batches, time or total. */
const char *workplace_aim(const workplace *w);
/* What --costs names; NULL without the option. */
int workplace_costs(workplace *w, edb_costs **out);
/* The same, for a session; read once, and kept until the workplace closes. */
int workplace_row_costs(workplace *w, edb_session_params *params);
/* `best` of least predicted time. */
int workplace_fastest(workplace *w, const edb_costs *costs, edb_policy **out);
/* Learns from --batches mini-batches of --batch instances. */
int workplace_learn(workplace *w, edb_session *session, edb_policy **out);

#endif
