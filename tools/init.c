/* tools/init.c: `edbatch init`: seeded weights and the vocabularies of the data, as a weights file.
 */
#include <jansson.h>
#include <stdio.h>

#include "output.h"
#include "workplace.h"

static const option_id accepts[] = {
    OPTION_DATA,      OPTION_OUT,      OPTION_SET,  OPTION_LIMIT, OPTION_FORMAT, OPTION_FOLD_IDS,
    OPTION_MIN_COUNT, OPTION_SKIP_BAD, OPTION_SEED, OPTION_JSON,  OPTION_HELP};

static void report_json(const workplace *w) {
  json_t *vocabs = json_object();
  for (uint32_t i = 0; i < edb_model_vocab_count(w->model); i++)
    json_object_set_new(vocabs, edb_model_vocab_name(w->model, i),
                        json_integer(edb_model_vocab_size(w->model, i)));
  json_t *object = json_pack("{s:s, s:I, s:o}", "weights", w->options->text[OPTION_OUT], "params",
                             (json_int_t)edb_model_param_count(w->model), "vocabs", vocabs);
  output_json(object, JSON_COMPACT);
}

static void report(const workplace *w) {
  fprintf(stderr, "wrote %s: %u parameter%s", w->options->text[OPTION_OUT],
          edb_model_param_count(w->model), PLURAL(edb_model_param_count(w->model)));
  for (uint32_t i = 0; i < edb_model_vocab_count(w->model); i++)
    fprintf(stderr, ", vocabulary %s of %u", edb_model_vocab_name(w->model, i),
            edb_model_vocab_size(w->model, i));
  fputc('\n', stderr);
}

static int run_init(const options *o) {
  workplace w = {.command = &command_init, .options = o};
  if (!has_option(o, OPTION_OUT)) return usage_error(&command_init, "needs -o FILE");
  int code = workplace_open(&w, &command_init, o);
  if (!code && edb_weights_save(w.weights, o->text[OPTION_OUT], &w.error) != EDB_OK)
    code = workplace_failed(&w);
  if (!code && has_option(o, OPTION_JSON))
    report_json(&w);
  else if (!code)
    report(&w);
  workplace_close(&w);
  return code;
}

const command command_init = {
    .name = "init",
    .summary = "writes seeded weights with the vocabularies of the data",
    .usage = "init MODEL --data FILE -o WEIGHTS",
    .details = "The file (safetensors) holds a tensor per parameter, and the constants and "
               "vocabularies in\n"
               "its metadata: the start of training elsewhere, and what keeps words and ids "
               "together from\n"
               "one data file to the next.",
    .example =
        "  edbatch init models/tree_lstm.edb --data trees.txt --seed 7 -o weights.safetensors",
    .accepts = accepts,
    .run = run_init,
};
