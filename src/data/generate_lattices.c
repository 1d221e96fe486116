/* data/generate_lattices.c: lattices of characters and words with the sizes of those over a Chinese
 * corpus (Zhang and Yang, 2018); no text is copied.
 *
 *   positions   gamma distributed, 44.1 on average (sd 27.7), 3 .. 211
 *   arcs        a character into every position but the first; words as well, into two fifths of
 * them one, into a twentieth two; 66.5 arcs on average words       two characters long with
 * probability 0.86, three with 0.11, at most eight tags        one for each character, which is the
 * same for every seed */
#include "data/generate.h"

#define N_TAGS   18
#define MAX_SPAN 8

typedef struct lattice_maker {
  edb_rng *rng;
  edb_zipf chars, words;
} lattice_maker;

/* Different spans of words that end at a position; spans[i] is i + 2 characters long. */
static uint32_t draw_words(lattice_maker *m, uint32_t position, bool spans[MAX_SPAN - 1]) {
  static const double counts[] = {0.5095, 0.4340, 0.0500, 0.0062, 0.0003};
  static const double lengths[] = {0.862, 0.112, 0.0207, 0.0041, 0.0008, 0.0002, 0.0002};
  for (uint32_t i = 0; i < MAX_SPAN - 1; i++) spans[i] = false;
  uint32_t wanted = edb_draw_share(m->rng, counts, 5), found = 0;
  for (uint32_t tries = 0; found < wanted && tries < 40; tries++) {
    uint32_t i = edb_draw_share(m->rng, lengths, MAX_SPAN - 1);
    /* A second word is longer or shorter than the first. */
    if (tries > 4) i = edb_rng_below(m->rng, 3);
    if (spans[i] || i + 2 > position) continue;
    spans[i] = true;
    found++;
  }
  return found;
}

static void append_position(lattice_maker *m, uint32_t position, uint32_t char_id, edb_text *text) {
  bool spans[MAX_SPAN - 1];
  uint32_t n_words = position < 2 ? 0 : draw_words(m, position, spans);
  edb_text_printf(text, "%u %u %u", 1 + n_words, position - 1, char_id);
  for (uint32_t i = 0; n_words > 0 && i < MAX_SPAN - 1; i++) {
    if (spans[i])
      edb_text_printf(text, " %u %u", position - i - 2, edb_zipf_draw(&m->words, m->rng));
  }
  edb_text_append(text, "\n", 1);
}

/* Most characters have tag 3, as in names that go on. */
static uint32_t tag_of(uint32_t char_id) {
  double chance = edb_word_chance(char_id);
  return chance < 0.84 ? 3 : 1 + (uint32_t)((chance - 0.84) / 0.16 * (N_TAGS - 1));
}

static void append_lattice(lattice_maker *m, edb_text *text) {
  uint32_t chars[211];
  uint32_t n = edb_draw_size(m->rng, 2.54, 17.4, 3, 211);
  edb_text_printf(text, "%u\n0", n);
  for (uint32_t i = 1; i < n; i++) {
    chars[i] = edb_zipf_draw(&m->chars, m->rng);
    edb_text_printf(text, " %u", tag_of(chars[i]));
  }
  edb_text_append(text, "\n0\n", 3);
  for (uint32_t i = 1; i < n; i++) append_position(m, i, chars[i], text);
  edb_text_append(text, "\n", 1);
}

edb_status edb_generate_lattices(edb_context *ctx, uint32_t count, edb_rng *rng, edb_text *text,
                                 edb_error *error) {
  lattice_maker m = {.rng = rng};
  EDB_TRY(edb_zipf_open(ctx, 2211, 4, 1.0, &m.chars, error));
  edb_status status = edb_zipf_open(ctx, 20000, 4, 0.8, &m.words, error);
  if (status == EDB_OK) {
    edb_text_printf(text, "%u\n", count);
    for (uint32_t i = 0; i < count && !text->failed; i++) append_lattice(&m, text);
    edb_zipf_close(&m.words);
  }
  edb_zipf_close(&m.chars);
  return status;
}
