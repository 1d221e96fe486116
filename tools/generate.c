/* tools/generate.c: `edbatch generate`: synthetic data with the size statistics of the real. */
#include <jansson.h>
#include <stdio.h>

#include "output.h"
#include "workplace.h"

static const option_id accepts[] = {OPTION_COUNT, OPTION_SEED, OPTION_OUT, OPTION_JSON,
                                    OPTION_HELP};

static void report(const options *o) {
  unsigned long long count = o->number[OPTION_COUNT], seed = o->number[OPTION_SEED];
  if (!has_option(o, OPTION_JSON)) {
    fprintf(stderr, "wrote %llu %s to %s\n", count, o->positional[0], o->text[OPTION_OUT]);
    return;
  }
  json_t *object =
      json_pack("{s:s, s:s, s:I, s:I}", "data", o->text[OPTION_OUT], "form", o->positional[0],
                "count", (json_int_t)count, "seed", (json_int_t)seed);
  output_json(object, JSON_COMPACT);
}

static int run_generate(const options *o) {
  workplace w;
  if (o->n_positional != 1)
    return usage_error(&command_generate, "needs one FORM (see --help), found %u", o->n_positional);
  if (!has_option(o, OPTION_OUT)) return usage_error(&command_generate, "needs -o FILE");
  int code = workplace_open_context(&w, &command_generate, o, EDB_SIMD_AUTO);
  if (!code) {
    edb_status status = edb_generate(w.ctx, o->positional[0], (uint32_t)o->number[OPTION_COUNT],
                                     o->number[OPTION_SEED], o->text[OPTION_OUT], &w.error);
    if (status == EDB_ERROR_NAME)
      code = usage_error(&command_generate, "%s", w.error.text);
    else if (status != EDB_OK)
      code = workplace_failed(&w);
    else
      report(o);
  }
  workplace_close(&w);
  return code;
}

const command command_generate = {
    .name = "generate",
    .summary = "makes synthetic data",
    .usage = "generate FORM --count N --seed N -o FILE",
    .details =
        "Forms: trees, grids, tags, text, pairs, lattices, dags, plans. Sizes and labels are as\n"
        "in real data (docs/data.md). The same seed gives the same file.",
    .example = "  edbatch generate trees --count 512 --seed 1 -o trees.txt",
    .accepts = accepts,
    .run = run_generate,
};
