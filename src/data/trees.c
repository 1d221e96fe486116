/* data/trees.c: the reader of bracketed trees, as in the Penn Treebank: (3 (2 very) (4 good)).
 *
 * A node is (LABEL CHILD...), (LABEL WORD) or (WORD). Trees may span lines, and several may stand
 * on one. Nodes come out in post-order: children, then the node itself, then its `every` calls. The
 * open brackets are a stack of the reader, so nesting costs memory, never the program's stack. */
#include <stdio.h>

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
  int shown = found->length < 64 ? (int)found->length : 64;
  return edb_fail_at(error, EDB_ERROR_FORMAT, trees->reader->name, found->line, found->column,
                     "found \"%.*s\", expected %s", shown, found->text, expected);
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
    return fail_found(trees, error, bracket, "')' before a line that begins a tree");
  }
  trees->depth++;
  if (trees->frames.length > 0) {
    const edb_tree_frame *parent = &trees->frames.data[trees->frames.length - 1];
    if (parent->n_atoms == 2) return fail_found(trees, error, bracket, "')' after a word");
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
  if (trees->frames.length == 0) return fail_found(trees, error, &atom, "'(', where a tree begins");
  edb_tree_frame *frame = &trees->frames.data[trees->frames.length - 1];
  if (trees->children.length > frame->first_child) {
    return fail_found(trees, error, &atom, "'(' or ')' after a child");
  }
  if (frame->n_atoms == 2) return fail_found(trees, error, &atom, "')' after a word");
  frame->atoms[frame->n_atoms++] = atom;
  return EDB_OK;
}

/* The rules of `every`, or of `root`, for one node. */
static edb_status call_every(edb_trees *trees, const edb_rule *list, size_t length,
                             const edb_rule_node *node, edb_place place, edb_error *error) {
  edb_node ignored = 0;
  for (size_t i = 0; i < length; i++) {
    EDB_TRY(edb_rule_apply(&trees->rules, &list[i], node, 1, NULL, &node->label, place, &ignored,
                           error));
  }
  return EDB_OK;
}

/* One atom is a word, two are a label and a word. */
static edb_status close_leaf(edb_trees *trees, const edb_tree_frame *frame, edb_rule_node *node,
                             edb_error *error) {
  const edb_rule *rule = &trees->rules.leaf.data[0];
  edb_place place = edb_reader_place(trees->reader, frame->line, frame->column);
  if (frame->n_atoms == 0) {
    return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                       "found '()', expected a label with a word or with children");
  }
  if (frame->n_atoms == 2) node->label = frame->atoms[0];
  const edb_atom *word = &frame->atoms[frame->n_atoms - 1];
  node->cell = rule->cell;
  return edb_rule_apply(&trees->rules, rule, NULL, 0, word, &node->label, place, &node->node,
                        error);
}

static edb_status fail_arity(const edb_trees *trees, size_t n_children, edb_place place,
                             edb_error *error) {
  const edb_read_rules *rules = &trees->rules;
  edb_name_list known = {.count = 0};
  for (size_t i = 0; i < rules->inner.length; i++) {
    char text[48];
    uint32_t n = rules->inner.data[i].n_slots;
    bool rest = rules->inner.data[i].rest;
    (void)snprintf(text, sizeof text, "%u%s", rest ? n - 1 : n, rest ? " or more" : "");
    edb_name_list_add(&known, text);
  }
  return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                     "found a node with %zu %s, expected %s (the inner rules of model \"%s\")",
                     n_children, n_children == 1 ? "child" : "children",
                     known.count > 0 ? known.text : "none", edb_model_name(trees->reader->model));
}

/* The children stand together at the end of `children`, in order. */
static edb_status close_inner(edb_trees *trees, const edb_tree_frame *frame, edb_rule_node *node,
                              edb_error *error) {
  size_t n_children = trees->children.length - frame->first_child;
  edb_place place = edb_reader_place(trees->reader, frame->line, frame->column);
  const edb_rule *rule = edb_read_rules_inner(&trees->rules, n_children);
  if (rule == NULL) return fail_arity(trees, n_children, place, error);
  if (frame->n_atoms > 0) node->label = frame->atoms[0];
  node->cell = rule->cell;
  return edb_rule_apply(&trees->rules, rule, trees->children.data + frame->first_child, n_children,
                        NULL, &node->label, place, &node->node, error);
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
    return fail_found(trees, error, bracket, "'(', where a tree begins");
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
  return call_every(trees, trees->rules.every.data, trees->rules.every.length, &node,
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
  EDB_TRY(edb_reader_begin(reader, error));
  do {
    EDB_TRY(read_token(trees, error));
    if (trees->frames.length == 0) break;
    skip_space(trees);
  } while (trees->at < reader->end);
  if (trees->frames.length > 0) {
    const edb_tree_frame *open = &trees->frames.data[trees->frames.length - 1];
    return edb_fail_at(
        error, EDB_ERROR_FORMAT, reader->name, trees->line, column_of(trees, trees->at),
        "found the end of the file, expected ')' for the '(' at %u:%u", open->line, open->column);
  }
  return call_every(trees, trees->rules.root.data, trees->rules.root.length,
                    &trees->children.data[0], place, error);
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
  EDB_TRY(edb_read_rules_compile(&trees->rules, reader, error));
  while (!edb_reader_full(reader)) {
    skip_space(trees);
    if (trees->at == reader->end) break;
    edb_status status = read_tree(trees, error);
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
