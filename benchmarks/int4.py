"""What would kernels of four bits in the file itself bring, and cost?

    python benchmarks/int4.py                               # what is committed here

The stock converter writes no convolution with int4 kernels. This script does it by
hand: the shipped WRN-16-2 is put on the grid of 4 bits (`compress.quantize`), exported
in int8, and every kernel of a convolution that lies on the grid is packed, two weights
a byte, its scales and bias changed to match. Both files then run in LiteRT on one
thread, turn by turn. It says why the package offers four bits in training and in gzip,
and not in the file.

Writes int4.json and int4.md beside this script, or where --out says. Run it on a
machine that does nothing else.
"""

import gzip
import pathlib
import statistics
import tempfile

import numpy as np
from _output import command, options, show, spread, table, write
from ai_edge_litert import schema_py_generated as schema

import keras_dynres as kd
from keras_dynres.tflite import flatbuffer, latency, metadata
from keras_dynres.tflite.compact import compact
from keras_dynres.tflite.quantized import Graph

NET = "sdpoint_wrn16_2_cifar10"
INSTANCES = ["p1@0.5", "full"]
_INT4 = 17  # TensorType.INT4 of the schema
_WIDER = 127 / 7  # a step of four bits in steps of eight


def packed(data):
    """The same file with int4 kernels wherever they lie on the grid, and how many."""
    model = schema.ModelT.InitFromPackedBuf(data)
    count = 0
    for graph in (Graph(model, graph) for graph in model.subgraphs):
        for kernel in graph.kernels:
            points = np.round(kernel.integers / _WIDER)
            if kernel.integers.size < 64 or (
                np.abs(np.round(points * _WIDER) - kernel.integers).max() > 0
            ):
                continue
            kernel.change(kernel.scale * _WIDER, points)
            nibbles = np.append(points, np.zeros(points.size % 2)).astype("int8") & 15
            buffer = model.buffers[kernel.tensor.buffer]
            buffer.data = (nibbles[::2] | nibbles[1::2] << 4).astype("uint8")
            kernel.tensor.type = _INT4
            count += 1
    import flatbuffers

    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return compact(bytes(builder.Output())), count


def main():
    parser = options(__doc__, "int4")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=50)
    args = parser.parse_args()
    model = kd.zoo.load(NET)
    images = np.random.default_rng(0).normal(size=(50, 32, 32, 3)).astype("float32")
    kd.compress.quantize(model, 4)
    model.calibrate(images, instances=INSTANCES, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "net.tflite"
        kd.tflite.export(
            model, path, INSTANCES, "int8", calibration_data=images, verbose=0
        )
        whole = path.read_bytes()
    fields = metadata.read_metadata(whole)
    whole = whole[fields["prefix"] :]
    small, count = packed(whole)
    files = {"int8": whole, "int4": small}
    rows = []
    for name in INSTANCES:
        calls, times = {}, {kind: [] for kind in files}
        for kind, data in files.items():
            loaded = flatbuffer.load(lambda data=data: data, [name], 1)
            calls[kind] = loaded[name]
        outputs = {
            kind: np.concatenate([call(images=i[None])["outputs"] for i in images])
            for kind, call in calls.items()
        }
        for _ in range(args.rounds):
            for kind, call in calls.items():
                figures = latency.measure(
                    lambda call=call: call(images=images[:1]), args.repeats, 5
                )
                times[kind].append(figures["median_ms"])
        far = np.abs(outputs["int4"] - outputs["int8"]).max()
        ratio = [b / a for a, b in zip(times["int8"], times["int4"], strict=True)]
        rows.append(
            {
                "instance": name,
                "int8_ms": statistics.median(times["int8"]),
                "int4_ms": statistics.median(times["int4"]),
                "ratio": spread(ratio),
                "difference": float(far / np.abs(outputs["int8"]).max()),
            }
        )
    sizes = {
        kind: [len(data), len(gzip.compress(data, 9))] for kind, data in files.items()
    }
    lines = table(
        "instance | int8 (ms) | int4 (ms) | int4 / int8 | largest difference of logits",
        [
            f"{row['instance']} | {row['int8_ms']:.2f} | {row['int4_ms']:.2f} | "
            f"{show(row['ratio'])} | {100 * row['difference']:.1f} %"
            for row in rows
        ],
    )
    lines += table(
        "file | bytes | gzip",
        [f"{kind} | {plain:,} | {zipped:,}" for kind, (plain, zipped) in sizes.items()],
    )
    share = [sizes["int4"][i] / sizes["int8"][i] for i in (0, 1)]
    lines.append(
        f"{count} kernels are packed: {share[0]:.2f} of the bytes, {share[1]:.2f} of "
        "those in gzip."
    )
    write(args.out, "Kernels of four bits", command(args), rows, lines, sizes=sizes)


if __name__ == "__main__":
    main()
