/* data/generate_lines.c: sentences: tagged, plain, and in pairs. Sizes were fitted to WikiNER and
 * to English and Vietnamese talks (IWSLT 2015); no text is copied.
 *
 *   tags    gamma distributed lengths, 23.5 tokens on average (sd 13.4), 1 .. 144; names are every
 *           sixth token, one to four tokens long; of 28,000 tokens 6,400 are different, and every
 * third is seen less than five times text    17.6 words on average (sd 11.2), 2 .. 93 pairs
 * source 21.2 words on average (sd 13.6), 2 .. 122; the target exp(-0.177 +- 0.22) times as long,
 * its words those of the source in order, each in the other language
 *
 * A name's tag follows from its words, and a target from its source, so both can be learned. */
#include "data/generate.h"

#include <math.h>
#include <string.h>

/* ---- Tags -------------------------------------------------------------------------------------
 */

#define N_KINDS 4 /* of names */

static const char *const tag_names[N_KINDS] = {"I-ORG", "I-PER", "I-LOC", "I-MISC"};
static const double kind_shares[N_KINDS] = {0.32, 0.24, 0.24, 0.20};

/* Ranks of which one in N_KINDS belongs to each kind: the nearest to a drawn one that is no
 * frequent word. */
static uint32_t draw_name(const edb_zipf *words, edb_rng *rng, uint32_t kind) {
  uint32_t rank = edb_zipf_draw(words, rng);
  while (rank < 150) rank = edb_zipf_draw(words, rng);
  return rank / N_KINDS * N_KINDS + kind;
}

static void append_token(edb_text *text, uint32_t rank, const char *tag, bool first) {
  if (!first) edb_text_append(text, " ", 1);
  edb_append_word(text, rank, EDB_VOWELS_LAST, tag[0] == 'I');
  edb_text_append(text, "|", 1);
  edb_text_append(text, tag, strlen(tag));
}

static void append_tagged(const edb_zipf *words, const edb_zipf *names, edb_rng *rng,
                          edb_text *text) {
  uint32_t n = edb_draw_size(rng, 3.07, 7.65, 1, 144), left = 0, kind = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (left == 0 && edb_rng_uniform(rng) < 0.105) {
      kind = edb_draw_share(rng, kind_shares, N_KINDS);
      left = 1 + edb_draw_share(rng, (const double[]){0.52, 0.33, 0.10, 0.05}, 4);
    }
    if (left > 0)
      append_token(text, draw_name(names, rng, kind), tag_names[kind], i == 0);
    else
      append_token(text, edb_zipf_draw(words, rng), "O", i == 0);
    if (left > 0) left--;
  }
  edb_text_append(text, "\n", 1);
}

edb_status edb_generate_tags(edb_context *ctx, uint32_t count, edb_rng *rng, edb_text *text,
                             edb_error *error) {
  edb_zipf words, names;
  EDB_TRY(edb_zipf_open(ctx, 8500, 1.2, 0.93, &words, error));
  edb_status status = edb_zipf_open(ctx, 1500, 1, 0.6, &names, error);
  if (status == EDB_OK) {
    for (uint32_t i = 0; i < count && !text->failed; i++) append_tagged(&words, &names, rng, text);
    edb_zipf_close(&names);
  }
  edb_zipf_close(&words);
  return status;
}

/* ---- Text -------------------------------------------------------------------------------------
 */

/* Every word but the first is with even chance one that the word before it is often followed by. */
edb_status edb_generate_text(edb_context *ctx, uint32_t count, edb_rng *rng, edb_text *text,
                             edb_error *error) {
  edb_zipf words;
  EDB_TRY(edb_zipf_open(ctx, 4000, 2.3, 1.0, &words, error));
  for (uint32_t i = 0; i < count && !text->failed; i++) {
    uint32_t n = edb_draw_size(rng, 2.49, 7.08, 2, 93), before = 0;
    for (uint32_t k = 0; k < n; k++) {
      uint32_t rank = edb_zipf_draw(&words, rng);
      bool follows = k > 0 && edb_rng_uniform(rng) < 0.5;
      if (follows) rank = 1 + (uint32_t)(4000 * pow(edb_word_chance(before), 6));
      edb_text_append(text, " ", k > 0);
      edb_append_word(text, rank, EDB_VOWELS_LAST, false);
      before = rank;
    }
    edb_text_append(text, "\n", 1);
  }
  edb_zipf_close(&words);
  return EDB_OK;
}

/* ---- Pairs ------------------------------------------------------------------------------------
 */

#define MAX_SOURCE 122
#define MAX_TARGET 93

static uint32_t draw_target_size(edb_rng *rng, uint32_t source) {
  double size = source * exp(-0.177 + 0.22 * edb_rng_normal(rng));
  return size < 2 ? 2 : size > MAX_TARGET ? MAX_TARGET : (uint32_t)(size + 0.5);
}

static void append_pair(const edb_zipf *words, edb_rng *rng, edb_text *text) {
  uint32_t ranks[MAX_SOURCE] = {0};
  uint32_t n = edb_draw_size(rng, 2.42, 8.75, 2, MAX_SOURCE), m = draw_target_size(rng, n);
  for (uint32_t i = 0; i < n; i++) {
    ranks[i] = edb_zipf_draw(words, rng);
    edb_text_append(text, " ", i > 0);
    edb_append_word(text, ranks[i], EDB_VOWELS_LAST, false);
  }
  edb_text_append(text, "\t", 1);
  for (uint32_t i = 0; i < m; i++) {
    edb_text_append(text, " ", i > 0);
    edb_append_word(text, ranks[(size_t)i * n / m], EDB_VOWELS_FIRST, false);
  }
  edb_text_append(text, "\n", 1);
}

edb_status edb_generate_pairs(edb_context *ctx, uint32_t count, edb_rng *rng, edb_text *text,
                              edb_error *error) {
  edb_zipf words;
  EDB_TRY(edb_zipf_open(ctx, 2800, 4, 1.0, &words, error));
  for (uint32_t i = 0; i < count && !text->failed; i++) append_pair(&words, rng, text);
  edb_zipf_close(&words);
  return EDB_OK;
}
