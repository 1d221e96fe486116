/* edbatch: batched execution of dynamic neural networks.
 *
 * A model (parameters + cells) is written for ONE instance: a tree, a lattice, a sequence, any DAG
 * of cell calls. edbatch builds the dataflow graph of a whole mini-batch, chooses which type of
 * node to run next by a learned finite state machine (ED-Batch, ICML 2023), and runs every batch
 * with packed kernels. The way of the data:
 *
 *     model + weights -> session;   instances -> graph -> schedule -> run -> values
 *
 *   base.h     status, error, allocator, context
 *   model.h    models: from a .edb file or built call by call; weights; vocabularies
 *   graph.h    the dataflow graph of one mini-batch
 *   policy.h   policies, learning, schedules, lower bound
 *   session.h  running a graph on a device and reading values
 *   data.h     instances from files: trees, JSON lines; generators
 *
 * See docs/tutorial.md for a whole program. */
#ifndef EDBATCH_EDBATCH_H
#define EDBATCH_EDBATCH_H

#include <edbatch/base.h>
#include <edbatch/data.h>
#include <edbatch/graph.h>
#include <edbatch/model.h>
#include <edbatch/policy.h>
#include <edbatch/session.h>

#endif
