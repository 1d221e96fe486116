/* data/trees.c: the reader of bracketed trees, as in the Penn Treebank: (3 (2 very) (4 good)).
 *
 * A node is (LABEL CHILD...), (LABEL WORD) or (WORD). Trees may span lines, and several may stand
 * on one. Nodes come out in post-order: children, then the node itself, then its `every` calls. The
 * open brackets are a stack of the reader, so nesting costs memory, never the program's stack. */
#include "data/lines.h"
#include "data/read_rules.h"

#define EDB_TREES_MAX_DEPTH (1u << 20)

/* An open bracket and what has been read behind it. */
typedef struct edb_tree_frame {
  uint32_t line, column;
  uint32_t n_atoms;
  size_t first_child; /* in `children` */
  edb_atom atoms[2];  /* a label and a word, or one of them */
} edb_tree_frame;

typedef struct edb_trees {
  edb_reader *reader;
  edb_context *ctx;
  edb_read_rules rules;
  const char *at, *line_start;
  uint32_t line;
  uint32_t n_trees, n_nodes; /* trees before this one, bad ones too; nodes of it so far */
  uint32_t depth; /* brackets that are open in the file, also while an error is being left behind */
  EDB_VEC(edb_tree_frame) frames;
  EDB_VEC(edb_rule_node) children; /* closed nodes whose parents are open */
} edb_trees;

static uint32_t column_of(const edb_trees *trees, const char *at) {
  return (uint32_t)(at - trees->line_start) + 1;
}

static void skip_space(edb_trees *trees) {
  for (; trees->at < trees->reader->end && edb_is_space(*trees->at); trees->at++) {
    if (*trees->at != '\n') continue;
    trees->line++;
    trees->line_start = trees->at + 1;
  }
}

static edb_atom read_atom(edb_trees *trees) {
  edb_atom atom = {.text = trees->at, .line = trees->line, .column = column_of(trees, trees->at)};
  const char *at = trees->at, *end = trees->reader->end;
  while (at < end && !edb_is_space(*at) && *at != '(' && *at != ')') at++;
  atom.length = (size_t)(at - trees->at);
  trees->at = at;
  return atom;
}

/* "found "x", expected ...", where it was found. */
static edb_status fail_found(const edb_trees *trees, edb_error *error, const edb_atom *found,
                             const char *expected) {
  return edb_fail_atom(trees->reader->name, found, expected, error);
}

/* ---- Nodes -------------------------------------------------------------------------------- */

/* Where bad trees are skipped, a line that begins with '(' begins a tree: a missing bracket then
 * costs one tree, not all that follow. */
static bool begins_another(const edb_trees *trees, const edb_atom *bracket) {
  return trees->reader->params.skip_bad && trees->frames.length > 0 && bracket->column == 1;
}

static edb_status open_node(edb_trees *trees, const edb_atom *bracket, edb_error *error) {
  if (begins_another(trees, bracket)) {
    trees->at = bracket->text;
    return fail_found(trees, error, bracket, "\")\" before a line that begins a tree");
  }
  trees->depth++;
  if (trees->frames.length > 0) {
    const edb_tree_frame *parent = &trees->frames.data[trees->frames.length - 1];
    if (parent->n_atoms == 2) return fail_found(trees, error, bracket, "\")\" after a word");
  }
  if (trees->frames.length == EDB_TREES_MAX_DEPTH) {
    return edb_fail_at(error, EDB_ERROR_LIMIT, trees->reader->name, bracket->line, bracket->column,
                       "a tree nested more than %u brackets deep", EDB_TREES_MAX_DEPTH);
  }
  edb_tree_frame frame = {
      .line = bracket->line, .column = bracket->column, .first_child = trees->children.length};
  if (edb_vec_push(trees->ctx, &trees->frames, frame)) return EDB_OK;
  return edb_fail_memory(error, sizeof frame, "the open brackets of a tree");
}

/* A label or a word: which of them shows only when the bracket closes. */
static edb_status add_atom(edb_trees *trees, edb_error *error) {
  edb_atom atom = read_atom(trees);
  if (trees->frames.length == 0)
    return fail_found(trees, error, &atom, "\"(\", where a tree begins");
  edb_tree_frame *frame = &trees->frames.data[trees->frames.length - 1];
  if (trees->children.length > frame->first_child) {
    return fail_found(trees, error, &atom, "\"(\" or \")\" after a child");
  }
  if (frame->n_atoms == 2) return fail_found(trees, error, &atom, "\")\" after a word");
  frame->atoms[frame->n_atoms++] = atom;
  return EDB_OK;
}

/* The rules of `every`, or of `root`, for one node. */
static edb_status call_every(edb_trees *trees, uint32_t kind, const edb_rule_node *node,
                             edb_place place, edb_error *error) {
  edb_rule_node ignored = {.node = 0};
  const edb_rule *rule = NULL;
  edb_rule_args args = {.bound = node, .n_bound = 1, .place = place};
  args.atoms[EDB_OFFER_LABEL] = &node->label;
  while ((rule = edb_read_rules_next(&trees->rules, kind, rule)) != NULL) {
    EDB_TRY(edb_rule_apply(&trees->rules, rule, &args, &ignored, error));
  }
  return EDB_OK;
}

/* One atom is a word, two are a label and a word. */
static edb_status close_leaf(edb_trees *trees, const edb_tree_frame *frame, edb_rule_node *node,
                             edb_error *error) {
  const edb_rule *rule = edb_read_rules_next(&trees->rules, EDB_LEAF, NULL);
  edb_place place = edb_reader_place(trees->reader, frame->line, frame->column);
  if (frame->n_atoms == 0) {
    return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                       "found \"()\", expected a label with a word or with children");
  }
  if (frame->n_atoms == 2) node->label = frame->atoms[0];
  edb_rule_args args = {.place = place};
  args.atoms[EDB_OFFER_WORD] = &frame->atoms[frame->n_atoms - 1];
  args.atoms[EDB_OFFER_LABEL] = &node->label;
  return edb_rule_apply(&trees->rules, rule, &args, node, error);
}

static edb_status fail_arity(const edb_trees *trees, uint32_t kind, size_t n_children,
                             edb_place place, edb_error *error) {
  edb_name_list known = edb_read_rules_arities(&trees->rules, kind);
  return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                     "found a node with %zu %s, expected %s (the %s rules of model \"%s\")",
                     n_children, n_children == 1 ? "child" : "children", known.text,
                     trees->rules.form->patterns[kind].name, edb_model_name(trees->reader->model));
}

/* The rule of an inner node. `inner0` and `inner1` share the nodes of a tree by a hash of the
 * tree's number and the node's, in post-order: two kinds as good as drawn, but the same in every
 * run. */
static const edb_rule *choose_inner(const edb_trees *trees, size_t n_children, uint32_t *kind) {
  uint32_t hash = trees->n_trees * UINT32_C(2654435761) + trees->n_nodes * UINT32_C(40503);
  *kind = hash >> 16 & 1 ? EDB_INNER1 : EDB_INNER0;
  const edb_rule *rule = edb_read_rules_choose(&trees->rules, *kind, n_children);
  bool kinds = edb_read_rules_next(&trees->rules, EDB_INNER0, NULL) != NULL ||
               edb_read_rules_next(&trees->rules, EDB_INNER1, NULL) != NULL;
  if (rule != NULL) return rule;
  if (!kinds) *kind = EDB_INNER;
  return edb_read_rules_choose(&trees->rules, EDB_INNER, n_children);
}

static edb_status close_inner(edb_trees *trees, const edb_tree_frame *frame, edb_rule_node *node,
                              edb_error *error) {
  uint32_t kind = EDB_INNER;
  size_t n_children = trees->children.length - frame->first_child;
  edb_place place = edb_reader_place(trees->reader, frame->line, frame->column);
  const edb_rule *rule = choose_inner(trees, n_children, &kind);
  if (rule == NULL) return fail_arity(trees, kind, n_children, place, error);
  if (frame->n_atoms > 0) node->label = frame->atoms[0];
  edb_rule_args args = {
      .bound = trees->children.data + frame->first_child, .n_bound = n_children, .place = place};
  args.atoms[EDB_OFFER_LABEL] = &node->label;
  return edb_rule_apply(&trees->rules, rule, &args, node, error);
}

/* The unlabelled brackets that the Penn Treebank has around every tree: ( (S ...) ). */
static bool is_wrapper(const edb_trees *trees, const edb_tree_frame *frame) {
  return trees->frames.length == 0 && frame->n_atoms == 0 &&
         trees->children.length == frame->first_child + 1;
}

/* The node's calls are made; it takes the place of its children among those that wait for a parent.
 */
static edb_status close_node(edb_trees *trees, const edb_atom *bracket, edb_error *error) {
  if (trees->frames.length == 0)
    return fail_found(trees, error, bracket, "\"(\", where a tree begins");
  trees->depth--;
  const edb_tree_frame frame = trees->frames.data[--trees->frames.length];
  edb_rule_node node = {.node = 0};
  if (is_wrapper(trees, &frame)) return EDB_OK;
  if (trees->children.length == frame.first_child) {
    EDB_TRY(close_leaf(trees, &frame, &node, error));
  } else {
    EDB_TRY(close_inner(trees, &frame, &node, error));
  }
  trees->children.length = frame.first_child;
  if (!edb_vec_push(trees->ctx, &trees->children, node)) {
    return edb_fail_memory(error, sizeof node, "the nodes of a tree");
  }
  trees->n_nodes++;
  return call_every(trees, EDB_EVERY, &node,
                    edb_reader_place(trees->reader, frame.line, frame.column), error);
}

/* ---- Trees -------------------------------------------------------------------------------- */

/* One bracket or atom. It is consumed in any case, so that leaving an error behind makes progress.
 */
static edb_status read_token(edb_trees *trees, edb_error *error) {
  edb_atom bracket = {trees->at, 1, trees->line, column_of(trees, trees->at)};
  if (*trees->at != '(' && *trees->at != ')') return add_atom(trees, error);
  trees->at++;
  return *bracket.text == '(' ? open_node(trees, &bracket, error)
                              : close_node(trees, &bracket, error);
}

/* One tree; white space before it has been skipped. */
static edb_status read_tree(edb_trees *trees, edb_error *error) {
  edb_reader *reader = trees->reader;
  edb_place place = edb_reader_place(reader, trees->line, column_of(trees, trees->at));
  trees->frames.length = trees->children.length = 0;
  trees->n_nodes = 0;
  EDB_TRY(edb_reader_begin(reader, error));
  do {
    EDB_TRY(read_token(trees, error));
    if (trees->frames.length == 0) break;
    skip_space(trees);
  } while (trees->at < reader->end);
  if (trees->frames.length > 0) {
    const edb_tree_frame *open = &trees->frames.data[trees->frames.length - 1];
    return edb_fail_at(error, EDB_ERROR_FORMAT, reader->name, trees->line,
                       column_of(trees, trees->at),
                       "found the end of the text, expected \")\" for the \"(\" at %u:%u",
                       open->line, open->column);
  }
  return call_every(trees, EDB_ROOT, &trees->children.data[0], place, error);
}

/* Leaves a bad tree behind: the next begins after its last bracket, or on the next line that begins
 * with '(', whichever is first. */
static void skip_bad_tree(edb_trees *trees) {
  const char *end = trees->reader->end;
  for (; trees->at < end; trees->at++) {
    char c = *trees->at;
    if (trees->depth == 0 && !edb_is_space(c)) {
      if (c == '(') break;
    } else if (c == '\n') {
      trees->line++;
      trees->line_start = trees->at + 1;
    } else if (c == '(') {
      if (trees->at == trees->line_start) break;
      trees->depth++;
    } else if (c == ')') {
      trees->depth--;
    }
  }
  trees->depth = 0;
}

/* A limit ends reading before the next tree is looked at. */
static edb_status read_all(edb_trees *trees, edb_error *error) {
  edb_reader *reader = trees->reader;
  EDB_TRY(edb_read_rules_compile(&trees->rules, reader, &edb_form_trees, error));
  while (!edb_reader_full(reader)) {
    skip_space(trees);
    if (trees->at == reader->end) break;
    edb_status status = read_tree(trees, error);
    trees->n_trees++;
    if (status == EDB_OK) {
      EDB_TRY(edb_reader_commit(reader, NULL, error));
    } else {
      if (!edb_reader_skips(reader, status, error)) return status;
      skip_bad_tree(trees);
    }
  }
  return EDB_OK;
}

edb_status edb_read_trees(edb_reader *reader, edb_error *error) {
  edb_trees trees = {.reader = reader,
                     .ctx = reader->ctx,
                     .at = reader->text,
                     .line_start = reader->text,
                     .line = 1};
  trees.rules.reader = reader;
  edb_status status = read_all(&trees, error);
  edb_read_rules_free(&trees.rules);
  edb_vec_free(trees.ctx, &trees.frames);
  edb_vec_free(trees.ctx, &trees.children);
  return status;
}
