/* data/generate.c: synthetic data: what the generators share, and the list of them. */
#include "data/generate.h"

#include <math.h>
#include <string.h>

#include "base/map.h"
#include "base/number.h"

/* ---- Distributions --------------------------------------------------------------------------- */

edb_status edb_zipf_open(edb_context *ctx, uint32_t n, double least, double exponent, edb_zipf *out,
                         edb_error *error) {
  double sum = 0, *cumulative = edb_alloc(ctx, n * sizeof *cumulative);
  if (cumulative == NULL)
    return edb_fail_memory(error, n * sizeof *cumulative, "the words of a generator");
  for (uint32_t i = 0; i < n; i++) {
    double rank = i + 1.0 > least ? i + 1.0 : least;
    sum += pow(rank, -exponent);
    cumulative[i] = sum;
  }
  *out = (edb_zipf){ctx, cumulative, n};
  return EDB_OK;
}

void edb_zipf_close(edb_zipf *zipf) {
  edb_free(zipf->ctx, zipf->cumulative, zipf->n * sizeof *zipf->cumulative);
}

uint32_t edb_zipf_draw(const edb_zipf *zipf, edb_rng *rng) {
  double at = edb_rng_uniform(rng) * zipf->cumulative[zipf->n - 1];
  uint32_t low = 0, high = zipf->n - 1;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (zipf->cumulative[middle] > at)
      high = middle;
    else
      low = middle + 1;
  }
  return low + 1;
}

/* Gamma distributed (shape >= 1), by the method of Marsaglia and Tsang (2000). */
static double draw_gamma(edb_rng *rng, double shape, double scale) {
  double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (;;) {
    double x = edb_rng_normal(rng), v = 1 + c * x;
    if (v <= 0) continue;
    v = v * v * v;
    double u = 1 - edb_rng_uniform(rng);
    if (log(u) < 0.5 * x * x + d - d * v + d * log(v)) return d * v * scale;
  }
}

uint32_t edb_draw_size(edb_rng *rng, double shape, double scale, uint32_t least, uint32_t most) {
  for (;;) {
    double size = floor(draw_gamma(rng, shape, scale) + 0.5);
    if (size >= least && size <= most) return (uint32_t)size;
  }
}

uint32_t edb_draw_share(edb_rng *rng, const double *shares, uint32_t n) {
  double at = edb_rng_uniform(rng);
  uint32_t i = 0;
  for (; i + 1 < n && at >= shares[i]; i++) at -= shares[i];
  return i;
}

/* ---- Text -------------------------------------------------------------------------------------
 */

double edb_word_chance(uint32_t rank) {
  unsigned char bytes[4] = {(unsigned char)rank, (unsigned char)(rank >> 8),
                            (unsigned char)(rank >> 16), (unsigned char)(rank >> 24)};
  return (double)(edb_hash(bytes, sizeof bytes) >> 11) * 0x1p-53;
}

void edb_append_word(edb_text *text, uint32_t rank, edb_language language, bool capital) {
  static const char consonants[] = "bcdfghjklmnprstvwxyz";
  static const char vowels[] = "aeiou";
  char word[16];
  size_t at = sizeof word;
  EDB_ASSERT(rank > 0);
  for (uint32_t left = rank; left > 0; left = (left - 1) / 100) {
    uint32_t digit = (left - 1) % 100;
    char vowel = vowels[digit % 5], consonant = consonants[digit / 5];
    word[--at] = language == EDB_VOWELS_LAST ? vowel : consonant;
    word[--at] = language == EDB_VOWELS_LAST ? consonant : vowel;
  }
  if (capital) word[at] = (char)(word[at] - 'a' + 'A');
  edb_text_append(text, word + at, sizeof word - at);
}

void edb_append_number(edb_text *text, double value) {
  char number[EDB_NUMBER_BYTES];
  edb_text_append(text, number, edb_number_print_float(number, (float)value));
}

/* ---- The list ----------------------------------------------------------------------------------
 */

static const struct {
  const char *name;
  edb_generator *generate;
} forms[] = {
    {"trees", edb_generate_trees}, {"grids", edb_generate_grids},
    {"tags", edb_generate_tags},   {"text", edb_generate_text},
    {"pairs", edb_generate_pairs}, {"lattices", edb_generate_lattices},
    {"dags", edb_generate_dags},   {"plans", edb_generate_plans},
};

static edb_status generate(edb_context *ctx, edb_generator *generator, const char *form,
                           uint32_t count, uint64_t seed, const char *path, edb_error *error) {
  edb_file_writer writer;
  edb_text text;
  edb_rng rng;
  EDB_TRY(edb_file_writer_open(path, &writer, error));
  edb_text_init(&text, ctx);
  text.sink = &writer;
  edb_rng_seed_named(&rng, seed, form);
  edb_status status = generator(ctx, count, &rng, &text, error);
  edb_text_flush(&text);
  if (status == EDB_OK && text.failed && writer.failure == 0)
    status = edb_fail_memory(error, text.length, "generated data");
  edb_text_free(&text);
  if (status == EDB_OK) return edb_file_writer_close(&writer, error);
  edb_file_writer_abandon(&writer);
  return status;
}

edb_status edb_generate(edb_context *ctx, const char *form, uint32_t count, uint64_t seed,
                        const char *path, edb_error *error) {
  EDB_REQUIRE(error, ctx, form, path);
  EDB_FAIL_IF(count == 0, error, EDB_ERROR_ARGUMENT, "found a count of 0, expected at least 1");
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    if (strcmp(forms[i].name, form) == 0)
      return generate(ctx, forms[i].generate, form, count, seed, path, error);
  }
  return edb_fail(error, EDB_ERROR_NAME,
                  "there is no generator \"%.64s\", expected: trees, grids, tags, text, pairs, "
                  "lattices, dags or plans",
                  form);
}
