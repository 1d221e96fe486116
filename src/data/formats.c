/* data/formats.c: the forms of data files, and which of them a file has. */
#include "data/reader.h"

#include <string.h>

#include "base/file.h"
#include "model/lexer.h"

typedef struct edb_format_info {
  const char *name; /* also of the read section that it needs */
  edb_status (*read)(edb_reader *reader, edb_error *error);
} edb_format_info;

static const edb_format_info formats[EDB_DATA_FORMAT_COUNT] = {
    [EDB_DATA_AUTO] = {"auto", NULL},
    [EDB_DATA_JSONL] = {"jsonl", edb_read_jsonl},
    [EDB_DATA_TREES] = {"trees", edb_read_trees},
    [EDB_DATA_GRIDS] = {"grids", edb_read_grids},
    [EDB_DATA_TAGS] = {"tags", edb_read_tags},
    [EDB_DATA_TEXT] = {"text", edb_read_text},
    [EDB_DATA_PAIRS] = {"pairs", edb_read_pairs},
    [EDB_DATA_LATTICES] = {"lattices", edb_read_lattices},
    [EDB_DATA_DAGS] = {"dags", edb_read_dags},
    [EDB_DATA_PLANS] = {"plans", edb_read_plans}};

bool edb_has_section(const edb_model *model, edb_data_format format) {
  uint32_t count = 0;
  const edb_read_rule *rules = edb_model_read_rules(model, &count);
  for (uint32_t i = 0; i < count; i++) {
    if (strcmp(rules[i].reader, formats[format].name) == 0) return true;
  }
  return false;
}

static bool is_form(const char *section) {
  edb_data_format format;
  return edb_data_format_from_name(section, &format) && format > EDB_DATA_JSONL;
}

edb_status edb_check_sections(const edb_model *model, edb_error *error) {
  uint32_t count = 0;
  const edb_read_rule *rules = edb_model_read_rules(model, &count);
  for (uint32_t i = 0; i < count; i++) {
    if (is_form(rules[i].reader)) continue;
    edb_suggestion suggestion;
    char buffer[EDB_SUGGEST_TEXT_BYTES];
    edb_name_list forms = {.count = 0};
    edb_suggest_begin(&suggestion, rules[i].reader, strlen(rules[i].reader));
    for (int f = EDB_DATA_JSONL + 1; f < EDB_DATA_FORMAT_COUNT; f++) {
      edb_suggest(&suggestion, formats[f].name);
      edb_name_list_add(&forms, formats[f].name);
    }
    return edb_fail_at(error, EDB_ERROR_NAME, edb_model_file_name(model), rules[i].line,
                       rules[i].column, "a rule under \"read %s:\", expected one of: %s%s",
                       rules[i].reader, forms.text,
                       edb_suggest_text(&suggestion, buffer, sizeof buffer));
  }
  return EDB_OK;
}

/* The one form other than trees that the model has a section for; AUTO if there is none or several.
 */
static edb_data_format only_section(const edb_model *model) {
  edb_data_format found = EDB_DATA_AUTO;
  for (int f = EDB_DATA_TREES + 1; f < EDB_DATA_FORMAT_COUNT; f++) {
    if (!edb_has_section(model, (edb_data_format)f)) continue;
    if (found != EDB_DATA_AUTO) return EDB_DATA_AUTO;
    found = (edb_data_format)f;
  }
  return found;
}

/* Whether an object has "nodes" as its first key, as JSON lines have. */
static bool begins_with_nodes(const char *at, const char *end) {
  static const char key[] = "\"nodes\"";
  for (at++; at < end && edb_is_space(*at); at++) {
  }
  return (size_t)(end - at) >= sizeof key - 1 && memcmp(at, key, sizeof key - 1) == 0;
}

/* Plans are JSON as well as JSON lines: those of a model that reads plans, unless nodes come first.
 * '(' begins trees, unless the model reads no trees but something else; what other texts are, the
 * model says. */
static edb_data_format form_at(const edb_reader *reader, const char *at) {
  bool plans = edb_has_section(reader->model, EDB_DATA_PLANS);
  bool trees = edb_has_section(reader->model, EDB_DATA_TREES);
  edb_data_format section = only_section(reader->model);
  if (plans && (*at == '[' || (*at == '{' && !begins_with_nodes(at, reader->end))))
    return EDB_DATA_PLANS;
  if (*at == '{') return EDB_DATA_JSONL;
  return *at == '(' && (trees || section == EDB_DATA_AUTO) ? EDB_DATA_TREES : section;
}

static edb_status detect(const edb_reader *reader, edb_data_format *format, edb_error *error) {
  uint32_t line = 1;
  const char *at = reader->text, *line_start = at;
  for (; at < reader->end && edb_is_space(*at); at++) {
    if (*at == '\n') line++, line_start = at + 1;
  }
  if (at == reader->end) {
    return edb_fail(error, EDB_ERROR_FORMAT, "%s: no instances: the file %s", reader->name,
                    at == reader->text ? "is empty" : "has only white space");
  }
  char found[EDB_FOUND_BYTES];
  uint32_t column = (uint32_t)(at - line_start) + 1;
  *format = form_at(reader, at);
  if (*format == EDB_DATA_AUTO) EDB_TRY(edb_check_sections(reader->model, error));
  if (*format == EDB_DATA_PLANS && *at != '{' && *at != '[') {
    return edb_fail_at(error, EDB_ERROR_FORMAT, reader->name, line, column,
                       "found %s, expected \"{\" or \"[\": model \"%s\" reads plans",
                       edb_found(at, reader->end, found), edb_model_name(reader->model));
  }
  if (*format != EDB_DATA_AUTO) return EDB_OK;
  return edb_fail_at(error, EDB_ERROR_FORMAT, reader->name, line, column,
                     "found %s, expected \"{\" (JSON lines) or \"(\" (trees); model \"%s\" has "
                     "no single read section for another form",
                     edb_found(at, reader->end, found), edb_model_name(reader->model));
}

edb_status edb_read_form(edb_reader *reader, edb_error *error) {
  edb_data_format format = reader->params.format;
  if (format == EDB_DATA_AUTO) EDB_TRY(detect(reader, &format, error));
  if (format != EDB_DATA_JSONL) EDB_TRY(edb_check_sections(reader->model, error));
  return formats[format].read(reader, error);
}

bool edb_reads_pairs(const edb_model *model, const edb_data_params *params) {
  edb_data_format format = params->format;
  if (format == EDB_DATA_AUTO) format = only_section(model);
  return format == EDB_DATA_PAIRS;
}

const char *edb_data_format_name(edb_data_format format) {
  return (unsigned)format < EDB_DATA_FORMAT_COUNT ? formats[format].name : NULL;
}

bool edb_data_format_from_name(const char *name, edb_data_format *out) {
  for (int f = 0; f < EDB_DATA_FORMAT_COUNT; f++) {
    if (strcmp(formats[f].name, name) != 0) continue;
    *out = (edb_data_format)f;
    return true;
  }
  return false;
}
