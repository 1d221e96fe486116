/* tools/paper.h: `edbatch paper`: the published comparison, made on this machine.
 *
 * Measuring files append rows to JSON arrays; the printing files only read those, so the JSON
 * output holds all that the Markdown and the plots show. */
#ifndef EDB_TOOLS_PAPER_H
#define EDB_TOOLS_PAPER_H

#include <jansson.h>

#include "measure.h"

#define PAPER_BATCH 32 /* of the mini-batches that are learned from and counted */

typedef struct paper_model {
  const char *name, *family, *form; /* form: of its data */
} paper_model;

typedef struct paper {
  const options *options;
  const char *models_dir;
  char scratch[64];                /* folder of generated data and learned policies */
  double begin, seconds;           /* of the whole comparison */
  double work;                     /* that is left of table c, in units of contest_work */
  uint32_t learned_from, counted;  /* mini-batches; those counted are unseen by learning */
  uint32_t windows;                /* timed repeats of each way */
  const uint32_t *sizes, *batches; /* hidden sizes, mini-batch sizes */
  uint32_t n_sizes, n_batches;
  json_t *schedules, *cells, *speeds; /* tables a, b, c */
  json_t *learning, *skipped;         /* table d; what there was no time or data for */
  json_t *data;                       /* by form: the file, or "generated" */
} paper;

/* Says in the output what is missing and why. */
void paper_skip(paper *p, const char *why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tables a and d: learns the policies, counts the batches of all. Stops taking up new policies at
 * `deadline`. The policy that table c uses, one of cells, is left in the scratch folder. */
int paper_count(paper *p, const paper_model *m, workplace *w, edb_granularity granularity,
                double deadline);
/* Where the policy of the model is: at cell granularity, encoding lead. */
void paper_policy_path(const paper *p, const paper_model *m, char *path, size_t bytes);
/* Sessions that lay values out as they are created, or as planned. */
edb_status paper_runner_open(runner *r, workplace *w, edb_granularity granularity, bool planned);
/* Table b: each cell of the model on its own, both ways. */
int paper_cells(paper *p, const paper_model *m, workplace *w, uint32_t hidden);
/* Table c: one size of model and mini-batch, all ways, in about `seconds`. */
int paper_speed(paper *p, const paper_model *m, workplace *w, uint32_t hidden, uint32_t batch,
                double seconds);

/* Everything as one JSON object. */
json_t *paper_json(const paper *p);
/* The same as Markdown; one plot per size of model and mini-batch into `folder`. */
void paper_markdown(const json_t *results, FILE *to);
int paper_plots(const json_t *results, const char *folder);
/* Instances per second of the best of the ways of this name for a row of table c (0: none). */
double paper_rate(const json_t *results, const json_t *like, const char *way);

#endif
