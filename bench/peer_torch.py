#!/usr/bin/env python3
"""The TreeLSTM of models/tree_lstm.edb in PyTorch, to compare on the same trees and the same machine.

    bench/peer_torch.py [--data trees.txt] [--hidden 256] [--batch 1,32,256] [--seconds 2]

Two programs, one thread each, inference from trees in memory to the summed loss: node by node, and batched by hand, all
nodes of one height at a time over all trees of a mini-batch. Beside them `edbatch bench` on the same file. Without
PyTorch the script says so and ends.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.pop("OPENBLAS_CORETYPE", None)  # libraries choose their own kernels
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

try:
    import torch
except ImportError:
    sys.exit("bench/peer_torch.py: PyTorch is not installed; nothing to compare with")


# ---- Trees -----------------------------------------------------------------------------------------


def parse(line, words):
    """A tree as (word id or -1, left, right, label, height) per node, children first."""
    nodes, stack = [], []
    for token in line.replace("(", " ( ").replace(")", " ) ").split():
        if token == "(":
            stack.append([])
        elif token == ")":
            parts = stack.pop()
            label = int(parts[0])
            if isinstance(parts[1], str):
                node = (words.setdefault(" ".join(parts[1:]), len(words)), -1, -1, label, 0)
            else:
                left, right = parts[1], parts[2]
                node = (-1, left, right, label, 1 + max(nodes[left][4], nodes[right][4]))
            nodes.append(node)
            if stack:
                stack[-1].append(len(nodes) - 1)
        else:
            stack[-1].append(token)
    return nodes


def read_trees(path):
    words = {"<unk>": 0}
    with open(path) as file:
        return [parse(line, words) for line in file if line.strip()], words


# ---- The model -------------------------------------------------------------------------------------


class TreeLSTM:
    def __init__(self, words, hidden):
        def weights(*shape):
            return torch.randn(*shape) / hidden**0.5

        self.hidden = hidden
        self.embedding = weights(words, hidden)
        self.leaf = weights(hidden, 3 * hidden)  # i, o, u
        self.inner = weights(2 * hidden, 3 * hidden)
        self.forget = weights(hidden, hidden), weights(hidden, hidden)
        self.bias, self.forget_bias = torch.zeros(3 * hidden), torch.zeros(hidden)
        self.out = weights(hidden, 5)

    def leaves(self, ids):
        i, o, u = torch.addmm(self.bias, self.embedding[ids], self.leaf).chunk(3, 1)
        c = torch.sigmoid(i) * torch.tanh(u)
        return torch.sigmoid(o) * torch.tanh(c), c

    def nodes(self, h1, c1, h2, c2):
        i, o, u = torch.addmm(self.bias, torch.cat((h1, h2), 1), self.inner).chunk(3, 1)
        f1 = torch.sigmoid(torch.addmm(self.forget_bias, h1, self.forget[0]))
        f2 = torch.sigmoid(torch.addmm(self.forget_bias, h2, self.forget[1]))
        c = torch.sigmoid(i) * torch.tanh(u) + f1 * c1 + f2 * c2
        return torch.sigmoid(o) * torch.tanh(c), c

    def loss(self, h, labels):
        return torch.nn.functional.cross_entropy(h @ self.out, labels, reduction="sum")


def per_instance(model, trees):
    total = 0.0
    for tree in trees:
        h, c = [], []
        for word, left, right, _, _ in tree:
            one = model.leaves(torch.tensor([word])) if left < 0 else model.nodes(h[left], c[left], h[right], c[right])
            h.append(one[0])
            c.append(one[1])
        total += float(model.loss(torch.cat(h), torch.tensor([node[3] for node in tree])))
    return total


def by_height(model, trees):
    """Nodes of one height run together; rows are those of one table for the whole mini-batch."""
    levels, labels, row, rows = [], [], [], 0
    for tree in trees:
        for _, _, _, _, height in tree:
            while len(levels) <= height:
                levels.append([])
    for t, tree in enumerate(trees):
        for n, node in enumerate(tree):
            levels[node[4]].append((t, n))
    row = [[0] * len(tree) for tree in trees]
    for level in levels:
        for t, n in level:
            row[t][n] = rows
            rows += 1
            labels.append(trees[t][n][3])
    h, c = torch.empty(rows, model.hidden), torch.empty(rows, model.hidden)
    at = 0
    for height, level in enumerate(levels):
        end = at + len(level)
        if height == 0:
            h[at:end], c[at:end] = model.leaves(torch.tensor([trees[t][n][0] for t, n in level]))
        else:
            left = torch.tensor([row[t][trees[t][n][1]] for t, n in level])
            right = torch.tensor([row[t][trees[t][n][2]] for t, n in level])
            h[at:end], c[at:end] = model.nodes(h[left], c[left], h[right], c[right])
        at = end
    return float(model.loss(h, torch.tensor(labels)))


# ---- Measuring -------------------------------------------------------------------------------------


def rate(run, model, trees, batch, seconds):
    """Instances per second: the median of five windows over distinct mini-batches."""
    n, at, rates = len(trees) // batch, 0, []
    run(model, trees[:batch])
    for _ in range(5):
        begin, done = time.perf_counter(), 0
        while done == 0 or time.perf_counter() - begin < seconds / 5:
            run(model, trees[at * batch:(at + 1) * batch])
            at, done = (at + 1) % n, done + batch
        rates.append(done / (time.perf_counter() - begin))
    return sorted(rates)[2]


def edbatch_rate(data, hidden, batch, seconds, extra):
    command = [ROOT / "build/edbatch", "bench", ROOT / "models/tree_lstm.edb", "--data", data, "--batch", batch, "--set",
               f"hidden={hidden}", "--policy", "best", "--seconds", seconds, "--json", *extra]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    return json.loads(done.stdout)["instances_per_s"] if done.returncode == 0 else float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--batch", default="1,32,256")
    parser.add_argument("--seconds", type=float, default=2)
    given = parser.parse_args()
    data = given.data
    if not data:
        data = str(ROOT / "build" / "peer_trees.txt")
        subprocess.run([ROOT / "build/edbatch", "generate", "trees", "--count", "1024", "-o", data], check=True,
                       stderr=subprocess.DEVNULL)
    torch.set_num_threads(1)
    torch.manual_seed(1)
    trees, words = read_trees(data)
    model = TreeLSTM(len(words), given.hidden)
    with torch.inference_mode():
        a, b = per_instance(model, trees[:4]), by_height(model, trees[:4])
        if abs(a - b) > 1e-3 * abs(a):
            sys.exit(f"bench/peer_torch.py: the two programs differ: {a} and {b}")
        print(f"TreeLSTM, hidden {given.hidden}, one thread, instances per second; PyTorch {torch.__version__}")
        print(f"{'batch':>6} {'per instance':>13} {'by height':>10} {'edbatch, plain':>15} {'edbatch':>9} {'ratio':>6}")
        for batch in (int(x) for x in given.batch.split(",")):
            one = rate(per_instance, model, trees, batch, given.seconds)
            many = rate(by_height, model, trees, batch, given.seconds)
            plain = edbatch_rate(data, given.hidden, batch, given.seconds, ["--no-hoist", "--no-share", "--no-table"])
            ours = edbatch_rate(data, given.hidden, batch, given.seconds, [])
            print(f"{batch:6} {one:13.0f} {many:10.0f} {plain:15.0f} {ours:9.0f} {ours / max(one, many):6.2f}")


if __name__ == "__main__":
    main()
