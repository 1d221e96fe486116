/* policy/components.h: strongly connected components of the type graph (t -> u if some node of type
 * u takes one of type t). Components can be scheduled one after the other: bounds and optima add
 * up. */
#ifndef EDB_POLICY_COMPONENTS_H
#define EDB_POLICY_COMPONENTS_H

#include "base/memory.h"

/* Above this number of types all count as one component, so that the adjacency matrix (a bit per
 * pair of types) stays small. That is correct, only less sharp. */
#define EDB_COMPONENT_TYPES 16384

/* Words of scratch that edb_components_find needs. */
size_t edb_components_scratch(uint32_t n_types);

/* `adjacency`: n_types rows of EDB_BITSET_WORDS(n_types) words. Gives each type its component,
 * numbered in topological order, and its number inside it, and each component its size; returns
 * their number. */
uint32_t edb_components_find(const uint64_t *adjacency, uint32_t n_types, uint32_t *scratch,
                             uint32_t *component, uint32_t *column, uint32_t *component_size);

#endif
