/* data/generate.h: what the generators share: distributions and made-up words. */
#ifndef EDB_DATA_GENERATE_H
#define EDB_DATA_GENERATE_H

#include <edbatch/data.h>

#include "base/file.h"
#include "base/rng.h"

/* Ranks 1 .. n with probabilities proportional to max(rank, least)^-exponent (Zipf's law, with a
 * flat head). */
typedef struct edb_zipf {
  edb_context *ctx;
  double *cumulative; /* [n], not normalised */
  uint32_t n;
} edb_zipf;

EDB_MUST_CHECK edb_status edb_zipf_open(edb_context *ctx, uint32_t n, double least, double exponent,
                                        edb_zipf *out, edb_error *error);
void edb_zipf_close(edb_zipf *zipf);
uint32_t edb_zipf_draw(const edb_zipf *zipf, edb_rng *rng);

/* Gamma distributed (shape >= 1), as a whole number; those outside least .. most are drawn again.
 */
uint32_t edb_draw_size(edb_rng *rng, double shape, double scale, uint32_t least, uint32_t most);
/* Which of the shares a number falls into; they sum to 1. */
uint32_t edb_draw_share(edb_rng *rng, const double *shares, uint32_t n);

/* A number in [0, 1) that belongs to the rank alone: what a word means is the same for every seed.
 */
double edb_word_chance(uint32_t rank);
/* One of a hundred syllables per digit of the rank, so that frequent words are short. Two languages
 * have no word in common: one puts vowels last, the other first. */
typedef enum edb_language { EDB_VOWELS_LAST, EDB_VOWELS_FIRST } edb_language;
void edb_append_word(edb_text *text, uint32_t rank, edb_language language, bool capital);
/* A number for JSON, whatever the locale. */
void edb_append_number(edb_text *text, double value);

/* Each appends `count` instances in its form. */
typedef edb_status edb_generator(edb_context *ctx, uint32_t count, edb_rng *rng, edb_text *text,
                                 edb_error *error);
edb_generator edb_generate_trees, edb_generate_grids, edb_generate_tags, edb_generate_text,
    edb_generate_pairs, edb_generate_lattices, edb_generate_dags, edb_generate_plans;

#endif
