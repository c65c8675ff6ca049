"""What does it cost to train all exits at once?

    python benchmarks/exit_training.py                      # what is committed here
    python benchmarks/exit_training.py --nets tiny --rounds 1 --batch 4     # a trial

A training step of an MSDNet, whose loss sums over the exits, beside steps of the
networks it stands for: each exit's own graph, with weights of its own and its own loss.
Steps take turns. The share is the whole step over the sum of its parts; that of
multiply-accumulates says what the shared layers save.

Writes exit_training.json and exit_training.md beside this script, or where --out says.
Run it on a machine that does nothing else.
"""

import time

import keras
import numpy as np
from _output import command, options, progress, show, spread, table, write

import keras_dynres as kd

TINY = {"input_shape": (16, 16, 3), "steps": (1, 1), "channels": 4, "growth": 2}
NETS = {
    "tiny": lambda: kd.MSDNet("cifar_budget10", head=4, **TINY),
    "cifar_budget10": lambda: kd.MSDNet("cifar_budget10"),
    "cifar_anytime": lambda: kd.MSDNet("cifar_anytime"),
}


def measure(net, args):
    """A row: the step of all exits, the steps of each."""
    model = NETS[net]()
    alone = {name: model.at(name, copy=True) for name in model.instances}
    shape = (args.batch, *model.base.input_shape[1:])
    images = np.random.default_rng(0).standard_normal(shape).astype("float32")
    labels = np.zeros(args.batch, "int32")
    models = {"all": model, **alone}
    for each in models.values():
        each.compile(
            keras.optimizers.SGD(0.01, momentum=0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=keras.backend.backend() == "jax",
        )
        kd.training.fuse_norms(each)
    times = {name: [] for name in models}
    for turn in range(args.warmup + args.rounds):
        progress(f"{net}, round {turn + 1} of {args.warmup + args.rounds}")
        for name, each in models.items():
            start = time.perf_counter()
            each.train_on_batch(images, labels)
            if turn >= args.warmup:
                times[name].append(time.perf_counter() - start)
    sums = [sum(turn) for turn in zip(*(times[n] for n in alone), strict=True)]
    costs = [model.menu[name].macs for name in alone]
    pairs = list(zip(times["all"], sums, strict=True))
    return {
        "net": net,
        "batch": args.batch,
        "all_s": spread(times["all"]),
        "alone_s": {name: spread(times[name]) for name in alone},
        "share": spread(whole / parts for whole, parts in pairs),
        "macs_share": model.exit_costs()[-1] / sum(costs),
    }


def main():
    parser = options(__doc__, "exit_training")
    nets = ["cifar_budget10", "cifar_anytime"]
    parser.add_argument("--nets", nargs="+", choices=NETS, default=nets)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=2)
    args = parser.parse_args()
    rows = [measure(net, args) for net in args.nets]
    lines = table(
        "net | images | exits | all at once (s) | sum of each (s) | share | of MACs",
        [
            f"{r['net']} | {r['batch']} | {len(r['alone_s'])} | {show(r['all_s'])} | "
            f"{sum(each['median'] for each in r['alone_s'].values()):.3g} | "
            f"{show(r['share'])} | {r['macs_share']:.2f}"
            for r in rows
        ],
    )
    lines += ["Medians over rounds, with least and most. Batch norms are fused."]
    write(args.out, "Training steps of all exits", command(args), rows, lines)


if __name__ == "__main__":
    main()
