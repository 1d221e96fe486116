/* tools/generate.c: `edbatch generate`: synthetic data with the size statistics of the real. */
#include <stdio.h>

#include "workplace.h"

static const option_id accepts[] = {OPTION_COUNT, OPTION_SEED, OPTION_OUT, OPTION_HELP};

static int run_generate(const options *o) {
  workplace w;
  if (o->n_positional != 1)
    return usage_error(&command_generate, "needs one FORM (see --help), found %u", o->n_positional);
  if (!has_option(o, OPTION_OUT)) return usage_error(&command_generate, "needs -o FILE");
  int code = workplace_open_context(&w, &command_generate, o, EDB_SIMD_AUTO);
  if (!code && edb_generate(w.ctx, o->positional[0], (uint32_t)o->number[OPTION_COUNT],
                            o->number[OPTION_SEED], o->text[OPTION_OUT], &w.error) != EDB_OK)
    code = workplace_failed(&w);
  if (!code)
    fprintf(stderr, "wrote %llu %s to %s\n", (unsigned long long)o->number[OPTION_COUNT],
            o->positional[0], o->text[OPTION_OUT]);
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
