"""What do fused batch norms save of a training step?

    python benchmarks/fused_norms.py                        # what is committed here
    python benchmarks/fused_norms.py --nets wrn_10_1 --rounds 1 --batch 4   # a trial

Two models of each net train on the same random images on TensorFlow, without XLA: one
with Keras' batch norms, one after `kd.training.fuse_norms`. Steps take turns, so that a
machine that slows down slows both.

Writes fused_norms.json and fused_norms.md beside this script, or where --out says.
Run it on a machine that does nothing else.
"""

import time

import keras
import numpy as np
from _nets import NETS
from _output import command, options, progress, show, spread, table, write

import keras_dynres as kd

MODELS = {
    "wrn_10_1": NETS["wrn_10_1"],
    "wrn_16_2": NETS["wrn_16_2"],
    "wrn_28_10": NETS["wrn_28_10"],
    "msdnet_budget10": lambda: kd.MSDNet("cifar_budget10"),
    "mobilenet_v2": lambda: kd.architectures.mobilenet_v2(
        input_shape=(32, 32, 3), classes=10
    ),
}


def measure(net, args):
    """A row: seconds of a step, plain and fused."""
    progress(net)
    plain, fused = MODELS[net](), MODELS[net]()
    for model in (plain, fused):
        model.compile(
            keras.optimizers.SGD(0.01, momentum=0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=False,
        )
    norms = kd.training.fuse_norms(fused)
    images = np.random.default_rng(0).standard_normal((args.batch, 32, 32, 3))
    images, labels = images.astype("float32"), np.zeros(args.batch, "int32")
    times = {"plain": [], "fused": []}
    for turn in range(args.warmup + args.rounds):
        for name, model in (("plain", plain), ("fused", fused)):
            start = time.perf_counter()
            model.train_on_batch(images, labels)
            if turn >= args.warmup:
                times[name].append(time.perf_counter() - start)
    pairs = zip(times["fused"], times["plain"], strict=True)
    return {
        "net": net,
        "batch": args.batch,
        "norms": norms,
        "plain_s": spread(times["plain"]),
        "fused_s": spread(times["fused"]),
        "share": spread(fused / plain for fused, plain in pairs),
    }


def main():
    parser = options(__doc__, "fused_norms")
    nets = ["wrn_16_2", "wrn_28_10", "msdnet_budget10", "mobilenet_v2"]
    parser.add_argument("--nets", nargs="+", choices=MODELS, default=nets)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--warmup", type=int, default=2)
    args = parser.parse_args()
    rows = [measure(net, args) for net in args.nets]
    lines = table(
        "net | images | batch norms | Keras' own (s) | fused (s) | fused / Keras' own",
        [
            f"{r['net']} | {r['batch']} | {r['norms']} | {show(r['plain_s'])} | "
            f"{show(r['fused_s'])} | {show(r['share'])}"
            for r in rows
        ],
    )
    lines += ["Medians over rounds, with least and most."]
    write(args.out, "Training steps with fused batch norms", command(args), rows, lines)


if __name__ == "__main__":
    main()
