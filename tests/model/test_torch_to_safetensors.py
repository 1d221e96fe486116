"""tests/model/test_torch_to_safetensors.py: the converter of PyTorch weights, without PyTorch."""

import array
import importlib.util
import json
import os
import struct
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = os.path.join(HERE, "..", "..", "scripts", "torch_to_safetensors.py")
spec = importlib.util.spec_from_file_location("torch_to_safetensors", PATH)
converter = importlib.util.module_from_spec(spec)
spec.loader.exec_module(converter)


def parse(raw):
    """Header and data of a safetensors file."""
    (length,) = struct.unpack_from("<Q", raw)
    return json.loads(raw[8 : 8 + length]), raw[8 + length :]


def values(header, data, name):
    begin, end = header[name]["data_offsets"]
    code = {"F32": "f", "F64": "d"}[header[name]["dtype"]]
    return list(array.array(code, data[begin:end]))


class Converter(unittest.TestCase):
    def tree_lstm_state(self, h=2, words=3, labels=2):
        def matrix(rows, columns, first):
            return [[first + r * columns + c for c in range(columns)] for r in range(rows)]

        return {
            "embedding.weight": matrix(words, h, 0),
            "W_iou.weight": matrix(3 * h, h, 100),
            "U_iou.weight": matrix(3 * h, 2 * h, 200),
            "b_iou": [[float(i) for i in range(3 * h)]],
            "U_f.weight": matrix(2 * h, h, 300),
            "b_f": [0.5] * h,
            "out.weight": matrix(labels, h, 400),
        }

    def test_fused_gates_of_a_tree_lstm_are_cut(self):
        rules = converter.parse_rules(converter.TREE_LSTM_RULES)
        tensors = converter.convert(self.tree_lstm_state(), rules)
        self.assertEqual(
            list(tensors), "E Wi Wo Wu Ui Uo Uu bi bo bu Uf1 Uf2 bf Wout".split()
        )
        self.assertEqual(tensors["Wo"].shape, [2, 2])
        self.assertEqual(list(tensors["Wo"].values), [104, 105, 106, 107])
        self.assertEqual(tensors["Uu"].shape, [2, 4])
        self.assertEqual(tensors["bu"].shape, [2])
        self.assertEqual(list(tensors["bu"].values), [4, 5])
        self.assertEqual(list(tensors["Uf2"].values), [304, 305, 306, 307])

    def test_the_file_is_aligned_whole_and_has_metadata(self):
        tensors = {"W": converter.Tensor.of([[1, 2], [3, 4]]), "b": converter.Tensor.of([5.5])}
        meta = converter.metadata("m", {"hidden": 2}, {"words": ["<unk>", "gr\u00fcn", 'a"b']})
        raw = converter.to_bytes(tensors, meta)
        header, data = parse(raw)
        self.assertEqual((len(raw) - len(data)) % 8, 0)
        self.assertEqual(values(header, data, "W"), [1, 2, 3, 4])
        self.assertEqual(values(header, data, "b"), [5.5])
        self.assertEqual(header["b"]["data_offsets"], [16, 20])
        self.assertEqual(len(data), 20)
        found = header["__metadata__"]
        self.assertEqual(found["edbatch.format"], "1")
        self.assertEqual(found["edbatch.model"], "m")
        self.assertEqual(found["edbatch.const.hidden"], "2")
        self.assertEqual(json.loads(found["edbatch.vocab.words"]), ["<unk>", "gr\u00fcn", 'a"b'])

    def test_two_biases_are_added(self):
        rules = converter.parse_rules("ih + hh -> bi, bf  # as nn.LSTM has them\n\nstep -> -")
        state = {"ih": [1, 2, 3, 4], "hh": [10, 20, 30, 40], "step": [7]}
        tensors = converter.convert(state, rules)
        self.assertEqual(list(tensors["bi"].values), [11, 22])
        self.assertEqual(list(tensors["bf"].values), [33, 44])
        self.assertNotIn("step", tensors)

    def test_mistakes_are_named(self):
        def convert(state, text):
            return converter.convert(state, converter.parse_rules(text))

        with self.assertRaisesRegex(ValueError, "no 'W'; it has w"):
            convert({"w": [1]}, "W -> W")
        with self.assertRaisesRegex(ValueError, "no rule for 'b'"):
            convert({"W": [1], "b": [1]}, "W -> W")
        with self.assertRaisesRegex(ValueError, "cut into 2"):
            convert({"W": [1, 2, 3]}, "W -> A, B")
        with self.assertRaisesRegex(ValueError, "cannot be added"):
            convert({"a": [1, 2], "b": [1]}, "a + b -> c")
        with self.assertRaisesRegex(ValueError, "two rules make 'A'"):
            convert({"a": [1], "b": [1]}, "a -> A\nb -> A")
        with self.assertRaisesRegex(ValueError, "rule 1"):
            convert({}, "W = A")
        with self.assertRaisesRegex(ValueError, "twice"):
            converter.metadata(vocabs={"words": ["a", "a"]})

    def test_numpy_arrays_keep_their_precision(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        single = converter.Tensor.of(numpy.arange(6, dtype="float32").reshape(2, 3).T)
        double = converter.Tensor.of(numpy.array([1 / 3]))
        half = converter.Tensor.of(numpy.array([0.5], dtype="float16"))
        self.assertEqual((single.shape, list(single.values)), ([3, 2], [0, 3, 1, 4, 2, 5]))
        self.assertEqual((double.values.typecode, double.values[0]), ("d", 1 / 3))
        self.assertEqual((half.values.typecode, half.values[0]), ("f", 0.5))

    def test_a_file_is_replaced_whole(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "w.safetensors")
            for value in (1.0, 2.0):
                converter.write(path, {"x": converter.Tensor.of([value])}, {})
            with open(path, "rb") as file:
                header, data = parse(file.read())
            self.assertEqual(values(header, data, "x"), [2.0])
            self.assertEqual(os.listdir(folder), ["w.safetensors"])


if __name__ == "__main__":
    unittest.main()
