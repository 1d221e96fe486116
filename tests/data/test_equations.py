#!/usr/bin/env python3
"""Every model of the zoo against its equations in numpy, float64, node by node, as a user would see it.

Nothing of the project is used but the command: data come from `edbatch generate` and by hand, weights
from `edbatch init` with every tensor drawn anew (initial biases are 0, which would hide mistakes), values
from `edbatch run --json`. Data files, vocabularies and weights are read here, by the documented formats;
the equations are those of docs/models.md, one node at a time.

    test_equations.py EDBATCH MODELS [MODEL]

Over each value, max |a - b| <= 1e-5 max |b| on the CPU, and 1e-12 on the reference device.
Exit status 77: numpy is missing.
"""
import itertools
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: numpy is missing (Debian: apt-get install python3-numpy)")
    sys.exit(77)

EDBATCH, MODELS = sys.argv[1], sys.argv[2]
TOLERANCE = {"cpu": 1e-5, "reference": 1e-12}
LIMIT = 9  # instances that are compared


# ---- Weights ------------------------------------------------------------------------------------


class Weights(dict):
    """Tensors by name in float64, vocabularies as dictionaries from word to id."""

    def __init__(self, path, seed):
        super().__init__()
        with open(path, "rb") as file:
            content = bytearray(file.read())
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        metadata = header.pop("__metadata__")
        random = np.random.default_rng(seed)
        for name, tensor in header.items():
            begin, end = (8 + length + offset for offset in tensor["data_offsets"])
            values = random.uniform(-0.6, 0.6, tensor["shape"]).astype("<f4")
            content[begin:end] = values.tobytes()
            self[name] = values.astype(np.float64)
        self.words = {}
        for key, text in metadata.items():
            if key.startswith("edbatch.vocab."):
                words = json.loads(text)
                known = {word: i for i, word in enumerate(words)} if isinstance(words, list) else {}
                self.words[key[len("edbatch.vocab.") :]] = known
        with open(path, "wb") as file:
            file.write(content)

    def id(self, vocab, word):
        """Unknown words are <unk>."""
        return self.words[vocab].get(word, 0)


# ---- Mathematics --------------------------------------------------------------------------------


def s(x):
    return (1 + np.tanh(x / 2)) / 2


def loss_of(logits, label):
    largest = np.max(logits)
    return np.log(np.sum(np.exp(logits - largest))) + largest - logits[label]


def scored(logits, label):
    """What an output has; without a label there is no loss."""
    out = {"logits": logits}
    if label is not None:
        out["loss"] = loss_of(logits, label)
    return out


def lstm_step(w, x, h, c, suffix="", forget=0):
    def gate(k):
        return w[f"X{k}{suffix}"] @ x + w[f"H{k}{suffix}"] @ h + w[f"b{k}{suffix}"]

    c = s(gate("f") + forget) * c + s(gate("i")) * np.tanh(gate("g"))
    return {"h": s(gate("o")) * np.tanh(c), "c": c}


# ---- Trees --------------------------------------------------------------------------------------


def read_trees(path):
    """A tree is (label, word) or (label, [children])."""
    with open(path, encoding="utf-8") as file:
        tokens = file.read().replace("(", " ( ").replace(")", " ) ").split()
    trees, stack = [], []
    for token in tokens:
        if token == "(":
            stack.append([])
        elif token == ")":
            node = stack.pop()
            label = int(node[0])
            node = (label, node[1] if isinstance(node[1], str) else node[1:])
            (stack[-1] if stack else trees).append(node)
        else:
            stack[-1].append(token)
    return trees


def leaf_gates(w, x, kind=""):
    i, o = s(w["Wi"] @ x + w["bi" + kind]), s(w["Wo"] @ x + w["bo" + kind])
    c = i * np.tanh(w["Wu"] @ x + w["bu" + kind])
    return {"h": o * np.tanh(c), "c": c}


def binary_gates(w, a, b, kind=""):
    e = np.concatenate([a["h"], b["h"]])
    i, o = s(w["Ui" + kind] @ e + w["bi" + kind]), s(w["Uo" + kind] @ e + w["bo" + kind])
    u = np.tanh(w["Uu" + kind] @ e + w["bu" + kind])
    f1 = s(w["Uf1" + kind] @ a["h"] + w["bf" + kind])
    f2 = s(w["Uf2" + kind] @ b["h"] + w["bf" + kind])
    c = i * u + f1 * a["c"] + f2 * b["c"]
    return {"h": o * np.tanh(c), "c": c}


def tree_lstm(w, word, children, kind):
    if word is not None:
        return "leaf", leaf_gates(w, w["E"][word])
    return "node", binary_gates(w, *children)


def tree_lstm_2type(w, word, children, kind):
    if word is not None:
        return "leaf", leaf_gates(w, w["E"][word], "_0")
    return f"node{kind}", binary_gates(w, *children, f"_{kind}")


def tree_lstm_childsum(w, word, children, kind):
    if word is not None:
        return "leaf", leaf_gates(w, w["E"][word])
    t = sum(child["h"] for child in children)
    i, o = s(w["Ui"] @ t + w["bi"]), s(w["Uo"] @ t + w["bo"])
    c = i * np.tanh(w["Uu"] @ t + w["bu"])
    for child in children:
        c = c + s(w["Uf"] @ child["h"] + w["bf"]) * child["c"]
    return "node", {"h": o * np.tanh(c), "c": c}


def tree_gru(w, word, children, kind):
    def step(v, r_matrix, z_matrix, c_matrix):
        r, z = s(w[r_matrix] @ v + w["br"]), s(w[z_matrix] @ v + w["bz"])
        return z * v + (1 - z) * np.tanh(w[c_matrix] @ (r * v) + w["bc"])

    if word is not None:
        return "leaf", {"h": step(w["E"][word], "Wr", "Wz", "Wc")}
    one = step(children[0]["h"], "Ur1", "Uz1", "Uc1")
    two = step(children[1]["h"], "Ur2", "Uz2", "Uc2")
    return "node", {"h": (one + two) / 2}


def mv_rnn(w, word, children, kind):
    if word is not None:
        return "leaf", {"v": w["V0"][word], "M": w["M0"][word]}
    a, b = children
    mixed = np.concatenate([a["M"] @ b["v"], b["M"] @ a["v"]])
    matrix = w["Wm"] @ np.concatenate([a["M"], b["M"]]) + w["bm"][:, None]
    return "node", {"v": np.tanh(w["Wv"] @ mixed + w["bv"]), "M": matrix}


def run_trees(w, path, cell):
    """Post-order: children, the node, its score."""
    for number, root in enumerate(read_trees(path)):
        calls, n_nodes = [], 0

        def visit(tree):
            nonlocal n_nodes
            label, inside = tree
            word, children = None, []
            if isinstance(inside, str):
                word = w.id("words", inside)
            else:
                children = [visit(child) for child in inside]
            kind = ((number * 2654435761 + n_nodes * 40503) % 2**32) >> 16 & 1
            n_nodes += 1
            name, values = cell(w, word, children, kind)
            calls.append((name, values))
            state = values["h"] if "h" in values else values["v"]
            calls.append(("score", scored(w["Wout"] @ state, label)))
            return values

        visit(root)
        yield calls


# ---- Chains -------------------------------------------------------------------------------------


def read_tags(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield [token.rsplit("|", 1) for token in line.split()]


def layer(w, calls, name, inputs, first, forget, backward):
    """One chain; results by position, calls in the order in which they run."""
    state, out = first, [None] * len(inputs)
    order = range(len(inputs) - 1, -1, -1) if backward else range(len(inputs))
    for i in order:
        state = out[i] = lstm_step(w, inputs[i], state["h"], state["c"], f"_{name}", forget)
        calls.append((name, state))
    return out


class Starts:
    """Each is called once per sentence, before the first chain that needs it."""

    def __init__(self, w, calls):
        self.w, self.calls, self.made = w, calls, {}

    def get(self, cell, suffix):
        if cell not in self.made:
            self.made[cell] = {"h": self.w[f"h0_{suffix}"], "c": self.w[f"c0_{suffix}"]}
            self.calls.append((cell, self.made[cell]))
        return self.made[cell]


def two_layers(w, calls, starts, xs, prefix, number, cell):
    """fw0, fw1, bw0, bw1 over xs; the second layer of each direction."""
    out = []
    for direction in "fw", "bw":
        below = xs
        for level in "0", "1":
            first = starts.get(f"{cell}{level}", f"{number}{level}")
            name = f"{prefix}{direction}{level}"
            below = layer(w, calls, name, below, first, 1, direction == "bw")
            below = [state["h"] for state in below]
        out.append(below)
    return out


def tag_outputs(w, calls, fw, bw, tags):
    for f, b, tag in zip(fw, bw, tags):
        h = np.concatenate([f, b])
        logits = w["Wout"] @ np.tanh(w["Wmlp"] @ h)
        calls.append(("out", {"h": h, **scored(logits, w.id("tags", tag))}))


def run_tagger(w, path):
    for sentence in read_tags(path):
        calls = []
        xs = [w["E"][w.id("words", word)] for word, _ in sentence]
        fw, bw = two_layers(w, calls, Starts(w, calls), xs, "", "", "init")
        tag_outputs(w, calls, fw, bw, [tag for _, tag in sentence])
        yield calls


def spell(w, calls, starts, word):
    chars = ["<*>", *word, "<*>"]
    xs = [w["Ech"][w.id("chars", char)] for char in chars]
    fw, bw = two_layers(w, calls, starts, xs, "c", "c", "init_c")
    return np.concatenate([fw[-1], bw[0]])


def run_tagger_char(w, path):
    for sentence in read_tags(path):
        calls, xs = [], []
        starts = Starts(w, calls)
        for word, _ in sentence:
            known = word in w.words["words"]
            x = w["E"][w.words["words"][word]] if known else spell(w, calls, starts, word)
            calls.append(("look_up" if known else "spell", {"x": x}))
            xs.append(x)
        fw, bw = two_layers(w, calls, starts, xs, "", "", "init")
        tag_outputs(w, calls, fw, bw, [tag for _, tag in sentence])
        yield calls


def steps_of(words):
    """(<s>, a), (a, b), (b, </s>)."""
    return list(zip(["<s>", *words], [*words, "</s>"]))


def run_lm(w, path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            state = {"h": w["h0"], "c": w["c0"]}
            calls, states = [("init", state)], []
            steps = steps_of(line.split())
            for word, _ in steps:
                state = lstm_step(w, w["E"][w.id("words", word)], state["h"], state["c"])
                calls.append(("step", state))
                states.append(state)
            for state, (_, word) in zip(states, steps):
                calls.append(("out", scored(w["Wout"] @ state["h"], w.id("words", word))))
            yield calls


def run_nmt(w, path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            source, target = line.rstrip("\n").split("\t")
            state = {"h": w["h0"], "c": w["c0"]}
            calls, states = [("init", state)], []
            for word in source.split():
                x = np.tanh(w["Ps"] @ w["Es"][w.id("source", word)] + w["ps"])
                state = lstm_step(w, x, state["h"], state["c"], "_enc")
                calls.append(("enc", state))
            steps = steps_of(target.split())
            for word, _ in steps:
                x = np.tanh(w["Pt"] @ w["Et"][w.id("target", word)] + w["pt"])
                state = lstm_step(w, x, state["h"], state["c"], "_dec")
                calls.append(("dec", state))
                states.append(state)
            for state, (_, word) in zip(states, steps):
                logits = w["Wout"] @ state["h"]
                best = {"best": float(np.argmax(logits))}
                calls.append(("out", {**best, **scored(logits, w.id("target", word))}))
            yield calls


# ---- Lattices -----------------------------------------------------------------------------------


def read_lattices(path):
    """Of each position its tag and its arcs (from, id)."""
    with open(path, encoding="utf-8") as file:
        numbers = iter([int(word) for word in file.read().split()])
    for _ in range(next(numbers)):
        tags = [next(numbers) for _ in range(next(numbers))]
        yield [(tag, [(next(numbers), next(numbers)) for _ in range(next(numbers))]) for tag in tags]


def lattice_lstm(w, x, state, kind):
    return lstm_step(w, x, state["h"], state["c"], f"_{kind}")


def lattice_gru(w, x, state, kind):
    h = state["h"]
    r = s(w[f"Xr_{kind}"] @ x + w[f"Hr_{kind}"] @ h + w[f"br_{kind}"])
    z = s(w[f"Xz_{kind}"] @ x + w[f"Hz_{kind}"] @ h + w[f"bz_{kind}"])
    g = np.tanh(w[f"Xg_{kind}"] @ x + w[f"Hg_{kind}"] @ (r * h) + w[f"bg_{kind}"])
    return {"h": z * h + (1 - z) * g}


def run_lattices(w, path, step):
    for lattice in read_lattices(path):
        calls, states = [], []
        for position, (tag, arcs) in enumerate(lattice):
            ends = []
            for begin, number in arcs:
                char = begin == position - 1
                table = w["Ec" if char else "Ew"]
                x = table[number if number < len(table) else 0]
                ends.append(step(w, x, states[begin], "c" if char else "w"))
                calls.append(("char" if char else "word", ends[-1]))
            state = {key: sum(end[key] for end in ends) for key in ends[0]} if ends else None
            if not arcs:
                state = {key: w[f"{key}0"] for key in ("h", "c") if f"{key}0" in w}
            calls.append(("merge" if arcs else "init", state))
            states.append(state)
            calls.append(("out", scored(w["Wout"] @ state["h"], tag)))
        yield calls


# ---- Other graphs -------------------------------------------------------------------------------


def run_grids(w, path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            label, words = line.rstrip("\n").split("\t")
            row = [np.tanh(w["U"] @ w["E"][w.id("words", x)] + w["bu"]) for x in words.split()]
            calls = [("leaf", {"h": h}) for h in row]
            while len(row) > 1:
                row = [grid_node(w, l, r) for l, r in zip(row, row[1:])]
                calls += [("node", {"h": h}) for h in row]
            calls.append(("score", scored(w["Wout"] @ row[0], int(label))))
            yield calls


def grid_node(w, l, r):
    n = np.tanh(w["Wl"] @ l + w["Wr"] @ r + w["b"])
    g = np.exp(w["Gl"] @ l + w["Gr"] @ r + w["bg"])
    g = g / np.sum(g)
    return g[0] * n + g[1] * l + g[2] * r


def run_dags(w, path):
    """source=17, a(0,1): sources look up a row, all else mixes the sum of its inputs."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            calls = []
            for token in line.split():
                kind, _, rest = token.partition("(" if "(" in token else "=")
                if kind == "source":
                    h = w["E"][int(rest)]
                else:
                    t = sum(calls[int(i)][1]["h"] for i in rest[:-1].split(","))
                    h = np.tanh(w["W" + kind] @ t + w["b" + kind])
                calls.append((kind, {"h": h}))
            yield calls


def run_plans(w, path):
    """Children, the operator, its cost."""

    def visit(node, calls):
        kind, t = node["operator"], np.zeros(len(w["w"]))
        for child in node.get("children", []):
            t = t + visit(child, calls)
        x = np.array(node["features"], dtype=np.float32).astype(np.float64)
        a = w[f"W1_{kind}"] @ x + w[f"U1_{kind}"] @ t + w[f"b1_{kind}"]
        h = np.maximum(w[f"W2_{kind}"] @ np.maximum(a, 0) + w[f"b2_{kind}"], 0)
        estimate = w["w"] @ h + w["b"]
        calls.append((kind, {"h": h}))
        calls.append(("cost", {"estimate": estimate, "loss": (estimate - np.float32(node["log_time"])) ** 2}))
        return h

    with open(path, encoding="utf-8") as file:
        for line in file:
            calls = []
            visit(json.loads(line), calls)
            yield calls


# ---- The tests ----------------------------------------------------------------------------------

BUSHY = """(3 (2 (1 a) (2 few) (3 (2 good) (4 ones))) (1 (0 only)) (2 here))
(4 word)
(0 (1 (2 (3 (4 deep) (1 down)) (2 here)) (0 and)) (1 on))
"""
PAIRS = "\n".join(f"(2 {'(3 ' * depth}(1 a) (2 b)){' (0 c))' * depth}" for depth in range(1, 4)) + "\n"

# name: form, set, outputs, expected values of a file, by hand
ZOO = {
    "tree_lstm": ("trees", "hidden=8", "h,c,logits,loss", lambda w, f: run_trees(w, f, tree_lstm)),
    "tree_lstm_2type": ("trees", "hidden=8", "h,c,logits,loss", lambda w, f: run_trees(w, f, tree_lstm_2type)),
    "tree_lstm_childsum": ("trees", "hidden=8", "h,c,logits,loss", lambda w, f: run_trees(w, f, tree_lstm_childsum)),
    "tree_gru": ("trees", "hidden=8", "h,logits,loss", lambda w, f: run_trees(w, f, tree_gru)),
    "mv_rnn": ("trees", "hidden=7", "v,M,logits,loss", lambda w, f: run_trees(w, f, mv_rnn)),
    "bilstm_tagger": ("tags", "hidden=8", "h,c,logits,loss", run_tagger),
    "bilstm_tagger_char": ("tags", "half=5", "h,c,x,logits,loss", run_tagger_char),
    "rnn_lm": ("text", "hidden=8", "h,c,logits,loss", run_lm),
    "lstm_nmt": ("pairs", "hidden=8", "h,c,best,logits,loss", run_nmt),
    "lattice_lstm": ("lattices", "hidden=8", "h,c,logits,loss", lambda w, f: run_lattices(w, f, lattice_lstm)),
    "lattice_gru": ("lattices", "hidden=8", "h,logits,loss", lambda w, f: run_lattices(w, f, lattice_gru)),
    "gated_grid": ("grids", "hidden=8", "h,logits,loss", run_grids),
    "random_dag": ("dags", "hidden=8", "h", run_dags),
    "plan_cost": ("plans", "hidden=8", "h,estimate,loss", run_plans),
}


def command(*arguments):
    done = subprocess.run([EDBATCH, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"edbatch {' '.join(arguments)}\n{done.stderr}")
    return done.stdout


def scale_of(output, values):
    """A scalar is the sum of terms that cancel: it is as exact as what it was made of is large."""
    if np.ndim(values[output]) > 0:
        return 0
    return max(1, *(np.max(np.abs(value)) for value in values.values()))


def check_value(where, found, expected, tolerance, scale):
    found, expected = np.array(found, dtype=np.float64), np.array(expected)
    if found.shape != expected.shape:
        sys.exit(f"{where}: found the shape {found.shape}, expected {expected.shape}")
    error, size = np.max(np.abs(found - expected)), np.max(np.abs(expected))
    if not error <= tolerance * max(size, scale):
        sys.exit(f"{where}: {error:g} apart, of {size:g}: found {found}, expected {expected}")
    return error / max(size, 1e-300)


def compare(name, path, weights, device, policy):
    """The values of a data file; the largest relative error."""
    form, constant, outputs, expected = ZOO[name]
    model, w = os.path.join(MODELS, name + ".edb"), weights[1]
    printed = command("run", model, "--data", path, "--weights", weights[0], "--set", constant, "--outputs",
                      outputs, "--device", device, "--policy", policy, "--limit", str(LIMIT)).splitlines()
    worst, n_nodes = 0, 0
    instances = list(itertools.islice(expected(w, path), LIMIT))
    if len(printed) != len(instances):
        sys.exit(f"{name}: found {len(printed)} instances, expected {len(instances)}")
    for number, (line, calls) in enumerate(zip(printed, instances)):
        nodes = json.loads(line)["nodes"]
        cells = [node.pop("cell") for node in nodes]
        if cells != [cell for cell, _ in calls]:
            sys.exit(f"{name}, instance {number}: found {cells}, expected {[cell for cell, _ in calls]}")
        for i, (node, (cell, values)) in enumerate(zip(nodes, calls)):
            if sorted(node) != sorted(values):
                sys.exit(f"{name}, node {i} ({cell}): found {sorted(node)}, expected {sorted(values)}")
            for output in values:
                where = f"{name} on {device}, instance {number}, node {i}: {cell}.{output}"
                scale = scale_of(output, values)
                worst = max(worst, check_value(where, node[output], values[output], TOLERANCE[device], scale))
        n_nodes += len(nodes)
    return worst, n_nodes


def test(name, folder):
    if name not in ZOO:
        sys.exit(f"{name}: the zoo has it, and its equations are not here yet")
    form, constant, _, _ = ZOO[name]
    model = os.path.join(MODELS, name + ".edb")
    seen, unseen = os.path.join(folder, "seen"), os.path.join(folder, "unseen")
    path = os.path.join(folder, name + ".safetensors")
    command("generate", form, "--count", "40", "--seed", "1", "-o", seen)
    command("generate", form, "--count", "6", "--seed", "2", "-o", unseen)
    if form == "trees":  # by hand: long chains, and for models of any arity one, three and four children
        with open(unseen, "a", encoding="utf-8") as file:
            file.write(BUSHY if name == "tree_lstm_childsum" else PAIRS)
    if form == "dags":  # the largest id there can be
        with open(seen, "a", encoding="utf-8") as file:
            file.write("source=999\n")
    command("init", model, "--data", seen, "--set", constant, "-o", path)
    weights = path, Weights(path, 3)
    for data in seen, unseen:
        for device, policy in ("reference", "unbatched"), ("cpu", "best"), ("cpu", "depth"):
            worst, n_nodes = compare(name, data, weights, device, policy)
            what = os.path.basename(data)
            print(f"{name}: {what}: {n_nodes} nodes on {device} by {policy}: at most {worst:.1e}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[3:] or ZOO:
            test(name, folder)


main()
