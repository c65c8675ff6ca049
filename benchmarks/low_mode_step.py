"""What does a low step cost beside a full one?

    python benchmarks/low_mode_step.py                      # what is committed here
    python benchmarks/low_mode_step.py --nets resnet18 --batch 4 --rounds 1   # a trial

Each net trains in a process of its own on random images of 32 pixels, full and low
steps in turn, so that a machine that slows down slows both. The first step of either is
compiled in it and left out. Low steps shrink the images in the step, pool the kernels,
and update the whole kernels' weights. Batch norms are fused, as in recipes. Target: at
most 0.30 of a full step; the paper has 0.37 for ResNet-18 and 0.39 for ResNet-50 on a
GPU.

The paper names a max pooling behind the first convolution, which low steps leave out.
So `resnet18` and `resnet50` begin, with a 3x3 convolution; the `imagenet` ones with a
7x7 convolution of stride 2 before the pooling; the `unpooled` ones without pooling.

Writes low_mode_step.json and low_mode_step.md beside this script, or where --out says.
Run it on a machine that does nothing else.
"""

import argparse
import json
import time

import keras
import numpy as np
from _output import alone, command, options, show, spread, table, write

import keras_dynres as kd

NETS = {
    "resnet18": (18, "pooled"),
    "resnet50": (50, "pooled"),
    "resnet18_imagenet": (18, "imagenet"),
    "resnet50_imagenet": (50, "imagenet"),
    "resnet18_unpooled": (18, "cifar"),
    "resnet50_unpooled": (50, "cifar"),
}


def child(net, args):
    """Times one net's steps; prints a row as JSON."""
    keras.config.set_dtype_policy(args.precision)
    depth, stem = NETS[net]
    shape = (32, 32, 3)
    base = kd.architectures.resnet(depth, input_shape=shape, classes=10, stem=stem)
    model = kd.LowMode(base)
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=keras.backend.backend() == "jax",
    )
    kd.training.fuse_norms(model)
    images = np.random.default_rng(0).standard_normal((args.batch, *shape), "float32")
    labels = np.arange(args.batch) % 10
    numbers = {
        name: next(n for n in range(1000) if model.instances_at_step(n) == [name])
        for name in model.instances
    }

    def step(name):
        model.optimizer.iterations.assign(numbers[name])
        start = time.perf_counter()
        model.train_on_batch(images, labels)
        return time.perf_counter() - start

    for name in numbers:
        step(name)
    times = {name: [] for name in numbers}
    for _ in range(args.rounds):
        for name in times:
            times[name].append(step(name))
    pairs = zip(times["low"], times["full"], strict=True)
    row = {
        "net": net,
        "full_s": spread(times["full"]),
        "low_s": spread(times["low"]),
        "share": spread(low / full for low, full in pairs),
        "macs_share": model.menu["low"].macs / model.menu.full.macs,
    }
    print(json.dumps(row))


def main():
    parser = options(__doc__, "low_mode_step")
    parser.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--batch", type=int, default=125, help="images of a step")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--child", choices=NETS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child, args)
        return
    rows = [alone(net) for net in args.nets]
    lines = table(
        "net | full step (s) | low step (s) | low / full | MACs, low / full",
        [
            f"{r['net']} | {show(r['full_s'])} | {show(r['low_s'])} | "
            f"{show(r['share'])} | {r['macs_share']:.3f}"
            for r in rows
        ],
    )
    lines += [
        f"Medians over {args.rounds} rounds, with least and most. Batches of "
        f"{args.batch} images of 32 x 32 pixels, {args.precision}.",
    ]
    write(args.out, "Low steps beside full ones", command(args), rows, lines)


if __name__ == "__main__":
    main()
