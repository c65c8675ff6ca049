"""What does a training step of SDPoint cost beside one of the plain network?

    python benchmarks/training_step.py                      # what is committed here
    python benchmarks/training_step.py --nets wrn_10_1 --rounds 1           # a trial

Each net trains in a process of its own on random images: first the plain network, then
its SDPoint model, both with fused batch norms, as in recipes. The first step of an
instance traces and compiles it; the steps after are timed in rounds that go through the
plain network and all instances, so that a machine that slows down slows them all. The
share is the mean step over the plain one, each instance weighted by how often training
draws it. Target: at most 0.80. `--most` keeps that many instances, spread evenly over
the menu.

Writes training_step.json and training_step.md beside this script, or where --out says.
Run it on a machine that does nothing else.
"""

import argparse
import json
import resource
import time

import keras
import numpy as np
from _nets import NETS, spaced
from _output import alone, command, options, show, spread, table, write

import keras_dynres as kd


def child(net, args):
    """Trains one net's plain and SDPoint models; prints a row as JSON."""
    plain, model = NETS[net](), kd.SDPoint(NETS[net]())
    for each in (plain, model):
        each.compile(
            keras.optimizers.SGD(0.01, momentum=0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=keras.backend.backend() == "jax",
        )
        kd.training.fuse_norms(each)
    shape = plain.input_shape[1:]
    batch = args.batch if shape[0] == 32 else args.imagenet_batch
    images = np.random.default_rng(0).standard_normal((batch, *shape), "float32")
    labels = np.zeros(batch, "int32")
    numbers = first_steps(model)

    def step(name):
        if name is not None:
            model.optimizer.iterations.assign(numbers[name])
        start = time.perf_counter()
        (plain if name is None else model).train_on_batch(images, labels)
        return time.perf_counter() - start

    names = spaced(model.menu.names, args.most)
    cold, memory = {}, {}
    for name in (None, *names):
        cold[name], memory[name] = step(name), peak_mb()
    times = {name: [] for name in cold}
    for _ in range(args.rounds):
        for name in times:
            times[name].append(step(name))
    warm = {name: spread(each)["median"] for name, each in times.items()}
    odds = {name: model.probabilities()[name] for name in names}
    macs = {name: model.menu[name].macs / model.menu.full.macs for name in names}
    row = {
        "net": net,
        "batch": batch,
        "instances": len(model.instances),
        "measured": len(names),
        "plain_s": spread(times[None]),
        "share": spread(
            mean({n: times[n][turn] for n in names}, odds) / times[None][turn]
            for turn in range(args.rounds)
        ),
        "macs_share": mean(macs, odds),
        "compile_plain_s": cold[None] - warm[None],
        "compile_each_s": spread(cold[name] - warm[name] for name in names),
        "plain_mb": memory[None],
        "peak_mb": memory[names[-1]],
        "each_mb": (memory[names[-1]] - memory[names[0]]) / max(1, len(names) - 1),
    }
    print(json.dumps(row))


def first_steps(model):
    """The first step at which training draws each instance."""
    numbers, number = {}, 0
    while len(numbers) < len(model.instances):
        numbers.setdefault(*model.instances_at_step(number), number)
        number += 1
    return numbers


def mean(values, weights):
    """The mean of a dict's values, weighted."""
    return sum(weights[k] * values[k] for k in values) / sum(weights.values())


def peak_mb():
    """The most memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main():
    parser = options(__doc__, "training_step")
    parser.add_argument(
        "--nets",
        nargs="+",
        choices=NETS,
        default=["wrn_28_10", "preresnet101"],
    )
    parser.add_argument("--most", type=int, default=9, help="instances measured")
    parser.add_argument("--batch", type=int, default=32, help="images of 32 pixels")
    parser.add_argument("--imagenet_batch", type=int, default=4, help="of 224 pixels")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--child", choices=NETS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child, args)
        return
    rows = [alone(net) for net in args.nets]
    lines = table(
        "net | batch | instances | plain step (s) | SDPoint / plain step | MACs share "
        "| compiling plain (s) | each (s) | all (s) | peak memory (MB) | each (MB)",
        [
            f"{r['net']} | {r['batch']} | {r['measured']} of {r['instances']} | "
            f"{show(r['plain_s'])} | {show(r['share'])} | {r['macs_share']:.2f} | "
            f"{r['compile_plain_s']:.1f} | {show(r['compile_each_s'])} | "
            f"{r['compile_each_s']['median'] * r['instances']:.0f} | "
            f"{r['peak_mb']:.0f} | {r['each_mb']:.0f}"
            for r in rows
        ],
    )
    lines += [
        "Medians, with least and most: of a step and of the share over rounds, of "
        "compilation over instances. All is the median times the number of instances; "
        "the memory is that of the instances measured, and what each adds."
    ]
    write(args.out, "Training steps", command(args), rows, lines)


if __name__ == "__main__":
    main()
