/* tests/policy/test_policy_file.c: policies as text, and texts that are no policies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "policy/fsms.h"
#include "support/faulty.h"

static const char good[] =
    "{\n"
    "  \"edbatch-policy\": 2,\n"
    "  \"granularity\": \"cell\",\n"
    "  \"scope\": \"component\",\n"
    "  \"encoding\": \"tight\",\n"
    "  \"types\": [\n"
    "    {\"name\": \"leaf\", \"key\": \"embed(word)\"},\n"
    "    {\"name\": \"node\", \"key\": \"lstm(h, h)\"}\n"
    "  ],\n"
    "  \"states\": [\n"
    "    {\"ready\": [\"leaf\", \"node\"], \"tight\": [], \"run\": \"node\"},\n"
    "    {\"ready\": [\"leaf\", \"node\"], \"tight\": [\"leaf\"], \"run\": "
    "\"leaf\"}\n"
    "  ],\n"
    "  \"learned\": {\n"
    "    \"reward\": \"bound\",\n"
    "    \"teacher\": \"beam\",\n"
    "    \"seed\": \"18446744073709551615\",\n"
    "    \"episodes\": 50,\n"
    "    \"graphs\": 2,\n"
    "    \"batches\": 31,\n"
    "    \"bound\": 30\n"
    "  }\n"
    "}\n";

/* `good` with the first `from` replaced. */
static char *changed(const char *from, const char *to) {
  static char text[4096];
  const char *at = strstr(good, from);
  assert_non_null(at);
  snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
  return text;
}

static edb_policy *parse(edb_context *ctx, const char *text, const edb_schema *schema) {
  edb_policy *policy = NULL;
  edb_error error;
  if (edb_policy_parse(ctx, text, strlen(text), "p.json", schema, &policy, &error) != EDB_OK)
    fail_msg("%s", error.text);
  return policy;
}

/* Refused with this status, and a text that contains all of `part`. */
static void expect_error(edb_context *ctx, const char *text, const edb_schema *schema,
                         edb_status status, const char *part) {
  edb_policy *policy = NULL;
  edb_error error;
  edb_status found = edb_policy_parse(ctx, text, strlen(text), "p.json", schema, &policy, &error);
  assert_null(policy);
  if (found != status || strstr(error.text, part) == NULL)
    fail_msg("found %s: %s\nexpected %s: %s\nin %s", edb_status_name(found),
             found == EDB_OK ? "" : error.text, edb_status_name(status), part, text);
}

static void expect_change(void **state, const char *from, const char *to, edb_status status,
                          const char *part) {
  expect_error(*state, changed(from, to), &tree_schema, status, part);
}

/* ---- Texts that are policies ---------------------------------------------- */

static void what_is_read_is_printed_the_same(void **state) {
  edb_policy *policy = parse(*state, good, &tree_schema);
  edb_text text = text_of(*state, policy);
  assert_string_equal(text.data, good);
  edb_policy_info info = edb_policy_describe(policy);
  assert_int_equal(info.kind, EDB_POLICY_FSM);
  assert_int_equal(info.encoding, EDB_ENCODING_TIGHT);
  assert_int_equal(info.n_types, 2);
  assert_int_equal(info.n_states, 2);
  edb_text_free(&text);
  edb_policy_destroy(policy);
}

static void the_order_of_a_models_cells_does_not_matter(void **state) {
  edb_policy *policy = parse(*state, good, &turned_schema);
  edb_text text = text_of(*state, policy);
  assert_string_equal(text.data, good);
  edb_text_free(&text);
  edb_policy_destroy(policy);
}

static void keys_may_come_in_any_order(void **state) {
  static const char sorted[] =
      "{\"edbatch-policy\":2,\"encoding\":\"tight\",\"granularity\":\"cell\",\"scope\":"
      "\"component\",\"learned\":{"
      "\"teacher\":\"beam\","
      "\"batches\":"
      "31,\"bound\":30,\"episodes\":50,\"graphs\":2,\"reward\":\"bound\",\"seed\":"
      "\"18446744073709551615\"},\"states\":[{\"ready\":[\"leaf\",\"node\"],\"run\":\"leaf\","
      "\"tight\":[\"leaf\"]},{\"run\":\"node\",\"tight\":[],\"ready\":[\"leaf\",\"node\"]}],"
      "\"types\":"
      "[{\"name\":\"node\",\"key\":\"lstm(h, h)\"},{\"name\":\"leaf\",\"key\":\"embed(word)\"}]}";
  edb_policy *policy = parse(*state, sorted, &tree_schema);
  edb_text text = text_of(*state, policy);
  assert_string_equal(text.data, good);
  edb_text_free(&text);
  edb_policy_destroy(policy);
}

static void unknown_keys_are_skipped_in_the_record_only(void **state) {
  edb_policy *policy =
      parse(*state, changed("\"graphs\": 2,", "\"graphs\": 2, \"by\": {\"who\": [1, {}]},"),
            &tree_schema);
  edb_text text = text_of(*state, policy);
  assert_string_equal(text.data, good);
  edb_text_free(&text);
  edb_policy_destroy(policy);
  expect_change(state, "\"types\"", "\"notes\": 1, \"types\"", EDB_ERROR_NAME,
                "p.json:6:3: unknown key \"notes\"");
}

static void the_record_may_be_absent(void **state) {
  char text[2048];
  snprintf(text, sizeof text, "%.*s}", (int)(strstr(good, ",\n  \"learned\"") - good), good);
  edb_policy *policy = parse(*state, text, &tree_schema);
  assert_false(policy->fsm->record.present);
  edb_text again = text_of(*state, policy);
  assert_null(strstr(again.data, "learned"));
  edb_text_free(&again);
  edb_policy_destroy(policy);
}

static void every_encoding_comes_back_the_same(void **state) {
  edb_rng rng;
  edb_rng_seed(&rng, 21);
  for (int e = 0; e < EDB_ENCODING_COUNT; e++) {
    test_dag d;
    edb_learn_params params = EDB_PARAMS(edb_learn_params);
    dag_random(&d, &rng, 150, 5);
    params.encoding = (edb_encoding)e;
    params.max_episodes = 60;
    params.as_published = true;
    edb_policy *learned = learn_raw(*state, &d.dag, 1, &params);
    edb_text text = text_of(*state, learned);
    edb_policy *read = parse(*state, text.data, NULL);
    edb_text again = text_of(*state, read);
    assert_string_equal(text.data, again.data);
    uint32_t misses = 1;
    assert_int_equal(fsm_batches(*state, learned, &d.dag, NULL),
                     fsm_batches(*state, read, &d.dag, &misses));
    assert_int_equal(misses, 0);
    edb_policy_destroy(learned);
    edb_policy_destroy(read);
    edb_text_free(&text);
    edb_text_free(&again);
  }
}

static void a_state_may_be_left_to_the_rule(void **state) {
  edb_policy *policy = parse(*state, changed("\"run\": \"node\"", "\"run\": null"), &tree_schema);
  edb_text text = text_of(*state, policy);
  assert_string_equal(text.data, changed("\"run\": \"node\"", "\"run\": null"));
  edb_text_free(&text);
  edb_policy_destroy(policy);
}

static void names_are_escaped(void **state) {
  static const edb_type_sig odd[] = {{.name = "a\"b\\", .key = "x\ny"},
                                     {.name = "\xc3\xa4*", .key = ""}};
  const edb_schema schema = {.n_types = 2, .types = odd, .of_operators = true};
  test_dag d;
  edb_policy *policy = NULL;
  dag_parse(&d, tree_text);
  assert_int_equal(
      edb_policy_learn_dags(*state, &d.dag, 1, &schema, EDB_FSM_OP, NULL, &policy, NULL), EDB_OK);
  edb_text text = text_of(*state, policy);
  edb_policy *read = parse(*state, text.data, &schema);
  edb_text again = text_of(*state, read);
  assert_string_equal(text.data, again.data);
  edb_policy_destroy(policy);
  edb_policy_destroy(read);
  edb_text_free(&text);
  edb_text_free(&again);
}

static void the_granularity_can_be_read_alone(void **state) {
  edb_fsm_granularity g = EDB_FSM_RAW;
  edb_error error;
  assert_int_equal(edb_policy_peek_granularity(*state, good, strlen(good), "p", &g, &error),
                   EDB_OK);
  assert_int_equal(g, EDB_FSM_CELL);
  const char *text = changed("\"cell\"", "\"op\"");
  assert_int_equal(edb_policy_peek_granularity(*state, text, strlen(text), "p", &g, &error),
                   EDB_OK);
  assert_int_equal(g, EDB_FSM_OP);
  text = changed("\"cell\"", "\"layer\"");
  assert_int_equal(edb_policy_peek_granularity(*state, text, strlen(text), "p", &g, &error),
                   EDB_ERROR_NAME);
  assert_non_null(strstr(error.text, "p:3:18: unknown granularity \"layer\""));
  assert_int_equal(g, EDB_FSM_OP);
}

static void a_saved_policy_is_the_printed_text(void **state) {
  char path[] = "/tmp/edbatch-policy-XXXXXX", found[4096];
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  close(fd);
  edb_policy *policy = parse(*state, good, &tree_schema);
  assert_int_equal(edb_policy_save(policy, path, NULL), EDB_OK);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  found[fread(found, 1, sizeof found - 1, file)] = '\0';
  fclose(file);
  unlink(path);
  assert_string_equal(found, good);
  edb_error error;
  assert_int_equal(edb_policy_save(policy, "/nonexistent/p.json", &error), EDB_ERROR_IO);
  assert_non_null(strstr(error.text, "/nonexistent/p.json"));
  edb_policy_destroy(policy);
}

static void only_learned_policies_have_a_file(void **state) {
  edb_policy *policy = NULL;
  edb_text text;
  edb_error error;
  edb_text_init(&text, *state);
  assert_int_equal(edb_policy_create(*state, EDB_POLICY_TIGHT, &policy, NULL), EDB_OK);
  assert_int_equal(edb_policy_print(policy, &text, &error), EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "\"tight\""));
  edb_policy_destroy(policy);
  edb_text_free(&text);
}

/* ---- Policies for something else ------------------------------------------ */

static void another_model_is_refused_with_what_differs(void **state) {
  expect_change(
      state, "\"name\": \"node\"", "\"name\": \"inner\"", EDB_ERROR_MISMATCH,
      "p.json:8:14: the policy was made for a model with a type \"inner\", which this model "
      "has not");
  expect_change(state, "lstm(h, h)", "lstm(h, h, h)", EDB_ERROR_MISMATCH,
                "p.json:8:29: type \"node\" differs from the model's from byte 9");
  expect_change(state, ",\n    {\"name\": \"node\", \"key\": \"lstm(h, h)\"}", "",
                EDB_ERROR_MISMATCH,
                "the model has a type \"node\", which the policy does not know");
}

static void a_file_of_another_kind_is_no_policy_file(void **state) {
  edb_policy *policy = NULL;
  edb_error error;
  assert_int_equal(edb_policy_parse(*state, "\n(2 a)", 6, "t.txt", &tree_schema, &policy, &error),
                   EDB_ERROR_FORMAT);
  assert_non_null(strstr(error.text, "t.txt:2:1: found"));
  assert_non_null(strstr(error.text, ": this is no policy file"));
  assert_int_equal(error.line, 2);
  assert_int_equal(error.column, 1);
  assert_null(policy);
}

static void raw_and_model_policies_do_not_replace_each_other(void **state) {
  expect_error(*state, good, NULL, EDB_ERROR_MISMATCH, "made for a model (granularity \"cell\")");
  expect_error(*state, changed("\"cell\"", "\"raw\""), &tree_schema, EDB_ERROR_MISMATCH,
               "made for raw graphs");
}

static void another_version_is_refused(void **state) {
  expect_change(state, "policy\": 2", "policy\": 3", EDB_ERROR_UNSUPPORTED,
                "p.json:2:21: version 3 of the policy file; this library reads versions 1 to 2");
  expect_change(state, "policy\": 2", "policy\": 0", EDB_ERROR_UNSUPPORTED, "version 0");
  expect_change(state, "policy\": 2", "policy\": 1.5", EDB_ERROR_UNSUPPORTED, "version 1.5");
  expect_change(state, "policy\": 2", "policy\": \"1\"", EDB_ERROR_FORMAT, "expected a number");
}

static void version_1_speaks_of_all_ready_types(void **state) {
  static const char text[] =
      "{\"edbatch-policy\": 1, \"granularity\": \"raw\", \"encoding\": \"base\", "
      "\"types\": [{\"name\": \"0\"}, {\"name\": \"1\"}], "
      "\"states\": [{\"ready\": [\"0\", \"1\"], \"run\": \"1\"}]}";
  edb_policy *policy = parse(*state, text, NULL);
  assert_int_equal(policy->fsm->scope, EDB_FSM_GRAPH);
  edb_text again = text_of(*state, policy); /* as version 2, which says so */
  assert_non_null(strstr(again.data, "\"edbatch-policy\": 2"));
  assert_non_null(strstr(again.data, "\"scope\": \"graph\""));
  edb_text_free(&again);
  edb_policy_destroy(policy);
  expect_change(state, "policy\": 2", "policy\": 1", EDB_ERROR_NAME, "version 1 has no \"scope\"");
}

static void the_scope_is_checked(void **state) {
  expect_change(state, "  \"scope\": \"component\",\n", "", EDB_ERROR_FORMAT, "without \"scope\"");
  expect_change(state, "\"component\"", "\"part\"", EDB_ERROR_NAME,
                "p.json:4:12: unknown scope \"part\", expected \"component\" or \"graph\"");
  expect_change(state, "\"beam\"", "\"book\"", EDB_ERROR_NAME, "unknown teacher \"book\"");
}

/* The type that leads stands first, whatever its name; the order of the others is theirs. */
static void the_leading_type_stands_first(void **state) {
  static const char form[] =
      "{\"edbatch-policy\": 2, \"granularity\": \"raw\", \"scope\": \"component\", "
      "\"encoding\": \"lead\", \"types\": [{\"name\": \"0\"}, {\"name\": \"1\"}, "
      "{\"name\": \"2\"}], \"states\": [{\"ready\": [%s], \"tight\": [\"0\"], \"run\": \"1\"}]}";
  char text[512];
  snprintf(text, sizeof text, form, "\"2\", \"0\", \"1\"");
  edb_policy *policy = parse(*state, text, NULL);
  edb_text again = text_of(*state, policy);
  assert_non_null(strstr(again.data, "\"ready\": [\"2\", \"0\", \"1\"]"));
  edb_text_free(&again);
  edb_policy_destroy(policy);
  snprintf(text, sizeof text, form, "\"2\", \"1\", \"0\"");
  expect_error(*state, text, NULL, EDB_ERROR_FORMAT, "type \"0\" stands after \"1\"");
}

/* ---- Texts that are no policies ------------------------------------------- */

static void missing_and_repeated_keys_are_named(void **state) {
  static const char *const lines[] = {"  \"edbatch-policy\": 2,\n",
                                      "  \"granularity\": \"cell\",\n",
                                      "  \"encoding\": \"tight\",\n"};
  static const char *const names[] = {"\"edbatch-policy\"", "\"granularity\"", "\"encoding\""};
  for (int i = 0; i < 3; i++) {
    char twice[128];
    expect_change(state, lines[i], "", EDB_ERROR_FORMAT, names[i]);
    snprintf(twice, sizeof twice, "%s%s", lines[i], lines[i]);
    expect_change(state, lines[i], twice, EDB_ERROR_NAME, "is repeated");
  }
  expect_change(state, "\"states\": [", "\"types\": [", EDB_ERROR_NAME, "\"types\" is repeated");
  expect_change(state, ", \"run\": \"node\"", "", EDB_ERROR_FORMAT,
                "p.json:11:44: a state without \"run\"");
  expect_change(state, ", \"tight\": []", "", EDB_ERROR_FORMAT, "a state without \"tight\"");
  expect_change(state, "\"ready\": [\"leaf\", \"node\"], ", "", EDB_ERROR_FORMAT,
                "a state without \"ready\"");
  expect_change(state, "\"tight\": []", "\"run\": \"leaf\"", EDB_ERROR_NAME, "\"run\" is repeated");
  expect_change(state, "\"tight\": []", "\"most\": \"leaf\"", EDB_ERROR_NAME,
                "unknown key \"most\"");
  expect_change(state, "\"graphs\": 2,", "", EDB_ERROR_FORMAT, "without \"graphs\"");
  expect_change(state, "\"graphs\": 2,", "\"bound\": 2,", EDB_ERROR_NAME, "\"bound\" is repeated");
  expect_change(state, ", \"key\": \"lstm(h, h)\"", "", EDB_ERROR_FORMAT, "p.json:8");
}

static void repeated_types_and_states_are_refused(void **state) {
  expect_change(state, "\"name\": \"node\", \"key\": \"lstm(h, h)\"",
                "\"name\": \"leaf\", \"key\": \"embed(word)\"", EDB_ERROR_NAME,
                "p.json:8:14: type \"leaf\" is repeated");
  expect_change(state, "\"tight\": [\"leaf\"]", "\"tight\": []", EDB_ERROR_NAME,
                "p.json:12:15: the state is repeated");
  expect_change(state, "[\"leaf\", \"node\"]", "[\"leaf\", \"leaf\"]", EDB_ERROR_NAME,
                "type \"leaf\" is repeated");
  expect_change(state, "\"tight\": [\"leaf\"]", "\"tight\": [\"leaf\", \"leaf\"]", EDB_ERROR_NAME,
                "type \"leaf\" is repeated");
}

static void states_name_known_ready_types_in_order(void **state) {
  expect_change(state, "[\"leaf\", \"node\"]", "[\"leaf\", \"root\"]", EDB_ERROR_NAME,
                "p.json:11:24: type \"root\" is not among the policy's types");
  expect_change(state, "[\"leaf\", \"node\"]", "[\"node\", \"leaf\"]", EDB_ERROR_FORMAT,
                "\"leaf\" stands after \"node\"");
  expect_change(state, "[\"leaf\", \"node\"]", "[]", EDB_ERROR_FORMAT, "without ready types");
  expect_change(state, "[\"leaf\", \"node\"]", "[\"leaf\"]", EDB_ERROR_NAME,
                "\"node\" to run is not ready");
  expect_change(state, "[\"leaf\", \"node\"], \"tight\": [\"leaf\"]",
                "[\"leaf\"], \"tight\": [\"node\"]", EDB_ERROR_NAME, "not ready in this state");
  expect_change(state, "\"run\": \"node\"", "\"run\": \"root\"", EDB_ERROR_NAME, "\"root\"");
}

static void wrong_kinds_of_values_are_refused(void **state) {
  expect_change(state, "\"cell\"", "1", EDB_ERROR_FORMAT, "p.json:3:18: ");
  expect_change(state, "\"tight\",", "\"tights\",", EDB_ERROR_NAME, "unknown encoding \"tights\"");
  expect_change(state, "\"tight\",", "null,", EDB_ERROR_FORMAT, "p.json:5:15: ");
  expect_change(state, "{\"name\": \"leaf\", \"key\": \"embed(word)\"}", "7", EDB_ERROR_FORMAT,
                "expected a type");
  expect_change(state, "\"name\": \"leaf\"", "\"name\": 7", EDB_ERROR_FORMAT, "p.json:7:14: ");
  expect_change(state, "\"name\": \"leaf\"", "\"nam\": \"leaf\"", EDB_ERROR_FORMAT, "\"nam\"");
  expect_change(state, "\"key\": \"embed(word)\"", "\"kay\": \"embed(word)\"", EDB_ERROR_FORMAT,
                "\"kay\"");
  expect_change(state, "\"key\": \"embed(word)\"", "\"key\": []", EDB_ERROR_FORMAT,
                "p.json:7:29: ");
  expect_change(state, "\"states\": [", "\"states\": [3,", EDB_ERROR_FORMAT, "expected a state");
  expect_change(state, "[\"leaf\", \"node\"]", "\"leaf\"", EDB_ERROR_FORMAT, "p.json:11:15: ");
  expect_change(state, "[\"leaf\", \"node\"]", "[7]", EDB_ERROR_FORMAT,
                "expected the name of a type");
  expect_change(state, "\"tight\": []", "\"tight\": \"leaf\"", EDB_ERROR_FORMAT, "a list of types");
  expect_change(state, "\"run\": \"node\"", "\"run\": [\"node\"]", EDB_ERROR_FORMAT,
                "expected the name of a type");
  expect_change(state, "\"learned\": {", "\"learned\": [{", EDB_ERROR_FORMAT, "p.json:14:14: ");
  expect_change(state, "\"reward\": \"bound\"", "\"reward\": \"luck\"", EDB_ERROR_NAME, "\"luck\"");
  expect_change(state, "\"episodes\": 50", "\"episodes\": -1", EDB_ERROR_FORMAT,
                "\"episodes\" is -1, expected a whole number from 0 to 4294967295");
  expect_change(state, "\"graphs\": 2", "\"graphs\": 2.5", EDB_ERROR_FORMAT, "\"graphs\" is 2.5");
  expect_change(state, "\"batches\": 31", "\"batches\": 1e300", EDB_ERROR_FORMAT, "\"batches\"");
}

static void strings_with_zeros_are_refused(void **state) {
  expect_change(state, "\"cell\"", "\"cell\\u0000\"", EDB_ERROR_FORMAT, "p.json:3:18: ");
  expect_change(state, "\"tight\",", "\"tight\\u0000\",", EDB_ERROR_FORMAT, "p.json:5:15: ");
  expect_change(state, "embed(word)", "embed(word)\\u0000", EDB_ERROR_FORMAT, "p.json:7:29: ");
  expect_change(state, "\"ready\"", "\"ready\\u0000\"", EDB_ERROR_NAME, "p.json:11:6: ");
  expect_change(state, "\"node\"], \"tight\"", "\"node\\u0000\"], \"tight\"", EDB_ERROR_NAME,
                "p.json:11:24");
}

static void seeds_are_digits_within_64_bits(void **state) {
  static const char *const bad[] = {"18446744073709551616",   "-1", "", "07", "1e3", " 1",
                                    "99999999999999999999999"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    expect_change(state, "18446744073709551615", bad[i], EDB_ERROR_FORMAT, "p.json:17:13: seed");
}

static void raw_types_are_numbers_without_keys(void **state) {
  static const char form[] = "{\"edbatch-policy\": 2, \"granularity\": \"raw\", \"scope\": "
                             "\"graph\", \"encoding\": \"max\", "
                             "\"types\": [%s], \"states\": [%s]}";
  static const struct {
    const char *types, *states, *part;
    edb_status status;
  } rows[] = {
      {"{\"name\": \"x\"}", "", "the types of raw graphs are numbers", EDB_ERROR_FORMAT},
      {"{\"name\": \"4294967295\"}", "", "are numbers", EDB_ERROR_FORMAT},
      {"{\"name\": \"1\"}, {\"name\": \"1\"}", "", "type \"1\" is repeated", EDB_ERROR_NAME},
      {"{\"name\": \"1\", \"key\": \"\"}", "", "p.json:1", EDB_ERROR_FORMAT},
      {"{\"name\": \"1\"}", "{\"ready\": [\"1\"], \"most\": [\"1\"], \"run\": \"1\"}",
       "expected the name of a type", EDB_ERROR_FORMAT},
      {"{\"name\": \"10\"}, {\"name\": \"9\"}",
       "{\"ready\": [\"10\", \"9\"], \"most\": \"9\", \"run\": \"9\"}", "\"9\" stands after \"10\"",
       EDB_ERROR_FORMAT},
      {"{\"name\": \"10\"}, {\"name\": \"9\"}",
       "{\"ready\": [\"9\", \"10\"], \"most\": \"9\", \"run\": \"9\"}", NULL, EDB_OK},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[1024];
    snprintf(text, sizeof text, form, rows[i].types, rows[i].states);
    if (rows[i].status != EDB_OK)
      expect_error(*state, text, NULL, rows[i].status, rows[i].part);
    else
      edb_policy_destroy(parse(*state, text, NULL));
  }
}

static void every_prefix_is_refused(void **state) {
  for (size_t bytes = 0; bytes < strlen(good) - 2; bytes++) {
    edb_policy *policy = NULL;
    edb_error error;
    char *copy = malloc(bytes + 1); /* so that a read beyond the end is seen */
    memcpy(copy, good, bytes);
    edb_status status = edb_policy_parse(*state, copy, bytes, "p", &tree_schema, &policy, &error);
    assert_int_not_equal(status, EDB_OK);
    assert_true(error.line > 0 && error.column > 0);
    assert_null(policy);
    free(copy);
  }
}

static void changed_bytes_are_read_or_refused(void **state) {
  edb_rng rng;
  edb_rng_seed(&rng, 1);
  for (int i = 0; i < 20000; i++) {
    char text[sizeof good];
    edb_policy *policy = NULL;
    edb_error error;
    memcpy(text, good, sizeof good);
    for (uint32_t k = edb_rng_below(&rng, 3) + 1; k > 0; k--) {
      uint32_t at = edb_rng_below(&rng, sizeof good - 1),
               from = edb_rng_below(&rng, sizeof good - 1);
      text[at] = edb_rng_below(&rng, 2) ? good[from] : (char)edb_rng_below(&rng, 256);
    }
    if (edb_policy_parse(*state, text, sizeof good - 1, "p", &tree_schema, &policy, &error) ==
        EDB_OK)
      edb_policy_destroy(policy);
  }
}

static void a_deep_text_is_refused(void **state) {
  char deep[4096];
  memset(deep, '[', sizeof deep - 1);
  deep[sizeof deep - 1] = '\0';
  expect_error(*state, deep, &tree_schema, EDB_ERROR_FORMAT, "p.json:1:1: ");
  char *text = malloc(8192);
  snprintf(text, 8192, "{\"states\": %s", deep);
  expect_error(*state, text, &tree_schema, EDB_ERROR_LIMIT, "p.json:1:");
  free(text);
}

/* Reading is linear: this takes no time, or for ever. */
static void a_large_text_is_read_in_linear_time(void **state) {
  enum { n = 20000 };
  edb_text text;
  edb_text_init(&text, *state);
  edb_text_printf(&text,
                  "{\"edbatch-policy\": 1, \"granularity\": \"raw\", \"encoding\": \"sort\", "
                  "\"types\": [");
  for (int i = 0; i < n; i++) edb_text_printf(&text, "%s{\"name\": \"%d\"}", i ? ", " : "", i);
  edb_text_printf(&text, "], \"states\": [{\"ready\": [");
  for (int i = n; i-- > 0;) edb_text_printf(&text, "\"%d\"%s", i, i ? ", " : "");
  edb_text_printf(&text, "], \"run\": \"0\"}");
  for (int i = 0; i < n; i++)
    edb_text_printf(&text, ", {\"ready\": [\"%d\"], \"run\": \"%d\"}", i, i);
  edb_text_printf(&text, "]}");
  edb_policy *policy = parse(*state, text.data, NULL);
  assert_int_equal(edb_policy_describe(policy).n_states, n + 1);
  edb_text again = text_of(*state, policy);
  assert_true(again.length > text.length);
  edb_text_free(&again);
  edb_text_free(&text);
  edb_policy_destroy(policy);
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_policy *policy = NULL;
    edb_error error;
    edb_text text;
    edb_text_init(&text, ctx);
    edb_status status =
        edb_policy_parse(ctx, good, strlen(good), "p", &turned_schema, &policy, &error);
    if (status != EDB_OK) assert_null(policy);
    if (status == EDB_OK) status = edb_policy_print(policy, &text, &error);
    if (status == EDB_OK) assert_string_equal(text.data, good);
    assert_true(faulty_status(&f, status));
    edb_text_free(&text);
    edb_policy_destroy(policy);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_read_is_printed_the_same),
      cmocka_unit_test(the_order_of_a_models_cells_does_not_matter),
      cmocka_unit_test(keys_may_come_in_any_order),
      cmocka_unit_test(unknown_keys_are_skipped_in_the_record_only),
      cmocka_unit_test(the_record_may_be_absent),
      cmocka_unit_test(every_encoding_comes_back_the_same),
      cmocka_unit_test(a_state_may_be_left_to_the_rule),
      cmocka_unit_test(names_are_escaped),
      cmocka_unit_test(the_granularity_can_be_read_alone),
      cmocka_unit_test(a_saved_policy_is_the_printed_text),
      cmocka_unit_test(only_learned_policies_have_a_file),
      cmocka_unit_test(another_model_is_refused_with_what_differs),
      cmocka_unit_test(a_file_of_another_kind_is_no_policy_file),
      cmocka_unit_test(raw_and_model_policies_do_not_replace_each_other),
      cmocka_unit_test(another_version_is_refused),
      cmocka_unit_test(version_1_speaks_of_all_ready_types),
      cmocka_unit_test(the_scope_is_checked),
      cmocka_unit_test(the_leading_type_stands_first),
      cmocka_unit_test(missing_and_repeated_keys_are_named),
      cmocka_unit_test(repeated_types_and_states_are_refused),
      cmocka_unit_test(states_name_known_ready_types_in_order),
      cmocka_unit_test(wrong_kinds_of_values_are_refused),
      cmocka_unit_test(strings_with_zeros_are_refused),
      cmocka_unit_test(seeds_are_digits_within_64_bits),
      cmocka_unit_test(raw_types_are_numbers_without_keys),
      cmocka_unit_test(every_prefix_is_refused),
      cmocka_unit_test(changed_bytes_are_read_or_refused),
      cmocka_unit_test(a_deep_text_is_refused),
      cmocka_unit_test(a_large_text_is_read_in_linear_time),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, make_context, destroy_context);
}
