"""What does a table of all instances cost, and how good is one that is mostly guessed?

    python benchmarks/nas_table.py --data_dir D             # what is committed here
    python benchmarks/nas_table.py --data_dir D --images 256 --sample 16 \\
        --train 256                                         # a trial

Resizable-NAS over the resizable network of the zoo. `evaluation.lookup_table` measures
a sample of the menu, accuracy on the first --images test images and latency of one
image under XNNPACK, and guesses the others' accuracies from these. The guesses are held
against what the network's card says of every instance, measured on all test images.
Then the best instance within --budget of the full multiply-accumulates is chosen, by
the guesses and by the card; a copy of the chosen one is given an epoch of training.

Writes nas_table.json and nas_table.md beside this script, or where --out says. Linux
only: it keeps to one core.
"""

import os
import pathlib
import tempfile
import time

import keras
import numpy as np
from _output import command, options, progress, spread, table, write

import keras_dynres as kd
from keras_dynres.training.optimizers import CoupledSGD


def built(model, args, folder):
    """The table, and processor seconds for each instance measured."""
    test = kd.data.load(args.data, "test", args.data_dir, batch_size=args.batch)
    test = test.take(-(-args.images // args.batch))
    seconds, last = [], time.process_time()

    def latency(model, name):
        found = kd.tflite.latency_ms(model, name)
        nonlocal last
        seconds.append(time.process_time() - last)
        last = time.process_time()
        return found

    menu = kd.evaluation.lookup_table(
        model, test, folder / "table.json", sample=args.sample, latency=latency
    )
    return menu, seconds


def errors(menu, known):
    """Guess minus card of the instances that were not measured here."""
    return [
        each.measured["predicted_accuracy"] - known[each.name]
        for each in menu
        if "accuracy" not in each.measured
    ]


def tuned(model, name, args):
    """Accuracy on all test images before and after training the instance alone."""
    net = model.at(name, copy=True)
    common = {"data_dir": args.data_dir, "batch_size": args.batch}
    train = kd.data.load(args.data, "train", augment="pad_crop_flip", **common)
    steps = len(train) if args.train is None else -(-args.train // args.batch)
    test = kd.data.load(args.data, "test", **common)
    schedule = keras.optimizers.schedules.CosineDecay(args.rate, steps)
    net.compile(
        CoupledSGD(schedule, momentum=0.9, nesterov=True, coupled_decay=5e-4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    kd.training.fuse_norms(net)

    def accuracy():
        return net.evaluate(test, verbose=0, return_dict=True)["accuracy"]

    before = accuracy()
    start = time.process_time()
    net.fit(train.take(steps), epochs=1, shuffle=False, verbose=2)
    found = {"seconds": time.process_time() - start, "after": accuracy()}
    return {"before": before, **found}


def main():
    parser = options(__doc__, "nas_table")
    parser.add_argument("--model", default="resizable_wrn16_2_cifar10")
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--data_dir", help="folder of tensorflow-datasets")
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--sample", type=int, default=16)
    parser.add_argument("--budget", type=float, default=0.5, help="share of full MACs")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--train", type=int, help="images to train on, by default all")
    parser.add_argument("--core", type=int, default=0, help="the core to keep to")
    args = parser.parse_args()
    os.sched_setaffinity(0, {args.core})  # Before TensorFlow counts the cores.
    model = kd.zoo.load(args.model)
    known = {each.name: each.measured["accuracy"] for each in model.menu}
    model.menu.forget()
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    progress("the table")
    with tempfile.TemporaryDirectory() as folder:
        menu, seconds = built(model, args, pathlib.Path(folder))
    off = errors(menu, known)
    limit = args.budget * menu.full.macs
    asked = menu.within(macs=limit, metric="predicted_accuracy").name
    best = max((n for n in known if menu[n].macs <= limit), key=known.get)
    progress("an epoch of", asked)
    row = {
        "instances": len(menu),
        "measured": args.sample,
        "seconds_each": spread(seconds),
        "guess": str(kd.evaluation.guess(menu)),
        "guess_error": float(np.sqrt(np.mean(np.square(off)))),
        "guess_bias": float(np.mean(off)),
        "card_spread": float(np.std(list(known.values()))),
        "chosen": asked,
        "chosen_accuracy": known[asked],
        "best": best,
        "best_accuracy": known[best],
        "tuned": tuned(model, asked, args),
    }
    provenance = kd.data.provenance(args.data, args.data_dir)
    args.data_dir = args.core = None  # This machine's, and no part of the command.
    lines = [*page(row, args), "", f"Data: {provenance['description']}"]
    write(
        args.out,
        "A table of the menu",
        command(args),
        [row],
        lines,
        data=provenance,
    )


def page(row, args):
    """The figures, a line each."""
    each, tuned = row["seconds_each"], row["tuned"]
    figures = {
        "instances in the menu, measured": f"{row['instances']}, {row['measured']}",
        "processor time to measure one (s)": (
            f"{each['median']:.1f} ({each['least']:.1f} to {each['most']:.1f})"
        ),
        "the guess about itself": row["guess"],
        "root mean square error against the card, instances not measured (points)": (
            f"{100 * row['guess_error']:.2f} (mean {100 * row['guess_bias']:+.2f})"
        ),
        "the card's accuracies spread by (points)": f"{100 * row['card_spread']:.2f}",
        f"chosen within {args.budget:g} of the MACs, accuracy %": (
            f"{row['chosen']}, {100 * row['chosen_accuracy']:.2f}"
        ),
        "best by the card, accuracy %": (
            f"{row['best']}, {100 * row['best_accuracy']:.2f}"
        ),
        "the chosen one after an epoch of its own, accuracy %": (
            f"{100 * tuned['after']:.2f} (before {100 * tuned['before']:.2f}; "
            f"{tuned['seconds']:.0f} s of processor time)"
        ),
    }
    lines = table("what | figure", [f"{k} | {v}" for k, v in figures.items()])
    return lines + [
        f"{args.model}; table from {args.images} test images, the card and the last "
        "line from all of them. Time: accuracy and latency of an instance, its "
        "compilation and conversion included, one core."
    ]


if __name__ == "__main__":
    main()
