"""What does a training step of SDPoint cost beside one of the plain network?

    python benchmarks/training_step.py                      # what is committed here
    python benchmarks/training_step.py --nets wrn_10_1 --rounds 1           # a trial

Each net trains in a process of its own on random images: first the plain network, then
its SDPoint model. The first step of an instance traces and compiles it; the steps after
are timed in rounds that go through the plain network and all instances, so that a
machine that slows down slows them all. The share is the mean step over the plain one,
each instance weighted by how often training draws it. Target: at most 0.80.

Writes training_step.json and training_step.md beside this script, or where --out says.
Run it on a machine that does nothing else.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent


def child(net, args):
    """Trains one net's plain and SDPoint models; prints a row as JSON."""
    import keras
    import numpy as np
    from _nets import NETS
    from _output import spread

    import keras_dynres as kd

    plain, model = NETS[net](), kd.SDPoint(NETS[net]())
    for each in (plain, model):
        each.compile(
            keras.optimizers.SGD(0.01, momentum=0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=keras.backend.backend() == "jax",
        )
    shape = (args.batch, *plain.input_shape[1:])
    images = np.random.default_rng(0).standard_normal(shape, "float32")
    labels = np.zeros(args.batch, "int32")

    def step(which, name=None):
        if name is not None:
            which.optimizer.iterations.assign(first_step[name])
        start = time.perf_counter()
        which.train_on_batch(images, labels)
        return time.perf_counter() - start

    model.optimizer.build(model.trainable_variables)
    first_step, number = {}, 0
    while len(first_step) < len(model.instances):
        first_step.setdefault(model.instance_at_step(number), number)
        number += 1
    cold_plain = step(plain)
    cold = {name: step(model, name) for name in model.instances}
    times = {name: [] for name in (None, *model.instances)}
    for _ in range(args.rounds):
        times[None].append(step(plain))
        for name in model.instances:
            times[name].append(step(model, name))
    odds = model.probabilities()
    shares = [
        sum(odds[n] * times[n][turn] for n in odds) / times[None][turn]
        for turn in range(args.rounds)
    ]
    warm = {name: spread(each)["median"] for name, each in times.items()}
    row = {
        "net": net,
        "batch": args.batch,
        "instances": len(model.instances),
        "plain_s": spread(times[None]),
        "share": spread(shares),
        "macs_share": sum(odds[i.name] * i.macs for i in model.menu)
        / model.menu.full.macs,
        "compile_s": sum(cold[n] - warm[n] for n in cold),
        "compile_plain_s": cold_plain - warm[None],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(row))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nets", nargs="+", default=["wrn_16_2", "wrn_28_10"])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "training_step")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child, args)
        return
    from _output import show, table, write

    options = ["--batch", str(args.batch), "--rounds", str(args.rounds)]
    rows = []
    for net in args.nets:
        print("#", net, flush=True)
        command = [sys.executable, __file__, "--child", net, *options]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
    head = (
        "net | instances | plain step (s) | SDPoint / plain step | MACs share | "
        "compiling all (s) | compiling plain (s) | peak memory (MB)"
    )
    lines = table(
        head,
        [
            f"{r['net']} | {r['instances']} | {show(r['plain_s'])} | "
            f"{show(r['share'])} | {r['macs_share']:.2f} | {r['compile_s']:.0f} | "
            f"{r['compile_plain_s']:.1f} | {r['peak_mb']:.0f}"
            for r in rows
        ],
    )
    lines += ["Figures are medians over rounds, with least and most."]
    names = " ".join(args.nets)
    command = f"python benchmarks/training_step.py --nets {names} {' '.join(options)}"
    write(args.out, "Training steps", command, rows, lines)


if __name__ == "__main__":
    main()
