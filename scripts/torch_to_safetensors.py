#!/usr/bin/env python3
"""Turns a PyTorch state_dict into a weights file of edbatch (docs/weights.md).

    torch_to_safetensors.py model.pt tree_lstm.safetensors --vocab words=words.txt --const hidden=256

PyTorch layers keep the weights of several gates in one tensor; model files name each. Rules say what
becomes what, one per line ('#' begins a comment):

    embedding.weight -> E                       a tensor under another name
    U_iou.weight -> Ui, Uo, Uu                  cut into equal parts along the first axis
    lstm.bias_ih_l0 + lstm.bias_hh_l0 -> b      the sum of two
    optimizer_step -> -                         left out

Every tensor of the state_dict must be met by a rule. Axes of length 1 in front are dropped ([1, 3h]
counts as [3h]). Only loading the .pt file needs PyTorch; the rest is plain Python.
"""

import argparse
import array
import json
import os
import struct
import sys

# A binary TreeLSTM whose gates are fused as input, output, update, and whose forget gates each see
# their own child.
TREE_LSTM_RULES = """
embedding.weight -> E
W_iou.weight -> Wi, Wo, Wu
U_iou.weight -> Ui, Uo, Uu
b_iou -> bi, bo, bu
U_f.weight -> Uf1, Uf2
b_f -> bf
out.weight -> Wout
"""

DTYPES = {"f": "F32", "d": "F64"}


class Tensor:
    """Row-major values with a shape; `values` is an array.array of 'f' or 'd'."""

    def __init__(self, shape, values):
        self.shape = [int(n) for n in shape]
        self.values = values
        count = 1
        for n in self.shape:
            count *= n
        if count != len(values):
            raise ValueError(f"{len(values)} values for shape {self.shape}")

    @staticmethod
    def of(value):
        """From a Tensor, a PyTorch tensor, a numpy array, or nested lists of numbers."""
        if isinstance(value, Tensor):
            return value
        if hasattr(value, "detach"):
            value = value.detach().cpu()
            value = value if str(value.dtype) == "torch.float64" else value.float()
            value = value.contiguous().numpy()
        if hasattr(value, "dtype"):
            code = "d" if str(value.dtype) == "float64" else "f"
            values = array.array(code)
            values.frombytes(value.astype(code, order="C").tobytes())
            return Tensor(value.shape, values)
        shape, flat = [], value
        while isinstance(flat, (list, tuple)):
            shape.append(len(flat))
            flat = flat[0] if flat else 0.0
        flat = [value]
        for _ in shape:
            flat = [x for row in flat for x in row]
        return Tensor(shape, array.array("f", flat))

    def squeezed(self):
        shape = list(self.shape)
        while len(shape) > 1 and shape[0] == 1:
            shape.pop(0)
        return Tensor(shape, self.values)

    def __add__(self, other):
        if self.shape != other.shape:
            raise ValueError(f"shapes {self.shape} and {other.shape} cannot be added")
        code = max(self.values.typecode, other.values.typecode, key="fd".index)
        return Tensor(self.shape, array.array(code, map(sum, zip(self.values, other.values))))

    def split(self, parts):
        """Equal parts along the first axis."""
        if not self.shape or self.shape[0] % parts:
            raise ValueError(f"shape {self.shape} cannot be cut into {parts} equal parts")
        shape = [self.shape[0] // parts] + self.shape[1:]
        size = len(self.values) // parts
        return [Tensor(shape, self.values[i * size : (i + 1) * size]) for i in range(parts)]


def parse_rules(text):
    """[(names of sources, names of targets; none: left out)]."""
    rules = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        left, arrow, right = line.partition("->")
        sources = [name.strip() for name in left.split("+")]
        targets = [name.strip() for name in right.split(",")]
        if not arrow or not all(sources) or not all(targets):
            raise ValueError(f"rule {number}: {line!r} is not 'SOURCE + ... -> NAME, ...'")
        rules.append((sources, [] if targets == ["-"] else targets))
    return rules


def convert(state, rules):
    """{name of a parameter: Tensor}, in the order of the rules."""
    tensors, used = {}, set()
    for sources, targets in rules:
        missing = [name for name in sources if name not in state]
        if missing:
            raise ValueError(f"the state_dict has no '{missing[0]}'; it has {', '.join(state)}")
        used.update(sources)
        if not targets:
            continue
        whole = Tensor.of(state[sources[0]]).squeezed()
        for name in sources[1:]:
            whole = whole + Tensor.of(state[name]).squeezed()
        for name, part in zip(targets, whole.split(len(targets)) if len(targets) > 1 else [whole]):
            if name in tensors:
                raise ValueError(f"two rules make '{name}'")
            tensors[name] = part
    left = [name for name in state if name not in used]
    if left:
        raise ValueError(f"no rule for '{left[0]}' (write '{left[0]} -> -' to leave it out)")
    return tensors


def metadata(model=None, constants=(), vocabs=()):
    """The keys that edbatch reads; vocabs: {name: list of words}, in the order of their ids."""
    meta = {"edbatch.format": "1"}
    if model:
        meta["edbatch.model"] = model
    for name, value in dict(constants).items():
        meta[f"edbatch.const.{name}"] = str(int(value))
    for name, words in dict(vocabs).items():
        if len(set(words)) != len(words):
            raise ValueError(f"vocabulary '{name}' has a word twice")
        meta[f"edbatch.vocab.{name}"] = json.dumps(words, ensure_ascii=False)
    return meta


def to_bytes(tensors, meta):
    """The whole safetensors file."""
    header, data, at = {"__metadata__": meta}, [], 0
    for name, tensor in tensors.items():
        values = array.array(tensor.values.typecode, tensor.values)
        if sys.byteorder == "big":
            values.byteswap()
        raw = values.tobytes()
        header[name] = {
            "dtype": DTYPES[values.typecode],
            "shape": tensor.shape,
            "data_offsets": [at, at + len(raw)],
        }
        data.append(raw)
        at += len(raw)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(data)


def write(path, tensors, meta):
    """Beside the path, then renamed: the old file or the whole new one."""
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "wb") as file:
        file.write(to_bytes(tensors, meta))
    os.replace(temporary, path)


def load_state(path):
    try:
        import torch
    except ImportError:
        sys.exit("torch_to_safetensors.py: loading a .pt file needs PyTorch (pip install torch)")
    state = torch.load(path, map_location="cpu", weights_only=True)
    return state.get("state_dict", state)


def pair(text):
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def read_words(path):
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("state", help="the .pt file")
    parser.add_argument("output", nargs="?", help="the weights file; without it, tensors are listed")
    parser.add_argument("--rules", help="file of rules (default: a binary TreeLSTM)")
    parser.add_argument("--model", help="name of the model, for the record")
    parser.add_argument("--const", action="append", default=[], type=pair, metavar="NAME=VALUE")
    parser.add_argument("--vocab", action="append", default=[], type=pair, metavar="NAME=FILE",
                        help="words, one per line, line 1 has id 0; one should be <unk>")
    args = parser.parse_args()
    state = load_state(args.state)
    if not args.output:
        for name, tensor in state.items():
            print(name, list(tensor.shape))
        return
    try:
        rules = TREE_LSTM_RULES
        if args.rules:
            with open(args.rules, encoding="utf-8") as file:
                rules = file.read()
        tensors = convert(state, parse_rules(rules))
        vocabs = {name: read_words(path) for name, path in args.vocab}
        write(args.output, tensors, metadata(args.model, args.const, vocabs))
    except (OSError, ValueError) as problem:
        sys.exit(f"torch_to_safetensors.py: {problem}")


if __name__ == "__main__":
    main()
