"""Is an instance for each image worth its time?

    python benchmarks/adapt.py --data_dir D        # what is committed here
    python benchmarks/adapt.py --data_dir D --learn 512 --images 512 --rounds 1  # trial
    python benchmarks/adapt.py --from benchmarks/adapt.json   # its page anew

The resizable network of the zoo, and Resizable-Adapt over it: a controller learns from
training images which instance suits an image, and batches of test images are
dispatched. For each target cost the controller chooses among instances up to that cost,
spread evenly over those that no cheaper one matches: as it names them, and under
budgets for the mean image, for which --spend test images are looked at without their
labels. Time is that of `predict` over
--timed test images, first instance, controller and dispatch included; what it is held
against are the single instances that no cheaper one matches, timed in turn in the same
rounds. As a single one seldom costs just as much, it is held against chance too: the
best mix of two instances, of which each image is given one at random, so often that the
mean costs the same multiply-accumulates. "oracle" is the share of images that at least
one of the chosen instances gets right: what a perfect controller would reach. Of more
images the first are taken: training images come shuffled, and tensorflow-datasets
stored the test images so.

adapt_imagenette is a second page of it, which says its command. Writes adapt.json and
adapt.md beside this script, or where --out says. Linux only: it keeps to one core.
"""

import json
import os
import pathlib
import time

import numpy as np
from _output import command, options, progress, show, spread, table, write

import keras_dynres as kd


def loaded(split, count, args):
    """So many of the images that the network is for, and labels."""
    images = kd.zoo.Network.load(args.model).images
    batches = kd.data.load(images, split, args.data_dir, batch_size=args.batch)
    images, labels = zip(*batches.take(-(-count // args.batch)), strict=True)
    return np.concatenate(images)[:count], np.concatenate(labels)[:count]


def chosen(menu, target, most):
    """Names of so many instances up to the target's cost, evenly spaced."""
    names = [each.name for each in menu.pareto() if each.macs <= target]
    places = np.linspace(0, len(names) - 1, min(most, len(names)))
    return [names[round(place)] for place in places]


def answers(model, name, images, batch):
    """The class an instance gives each image."""
    return model.at(name).predict(images, batch, verbose=0).argmax(-1)


def timed(ways, rounds):
    """{way: seconds of each round}, all ways in turn."""
    found = {name: [] for name in ways}
    for turn in range(rounds + 1):
        progress("round", turn)
        for name, way in ways.items():
            start = time.process_time()
            way()
            if turn:  # Before, shapes are compiled.
                found[name].append(time.process_time() - start)
    return found


def main():
    parser = options(__doc__, "adapt")
    parser.add_argument("--model", default="resizable_wrn16_2_cifar10")
    parser.add_argument("--data_dir", help="folder of tensorflow-datasets")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.5, 1.0])
    parser.add_argument(
        "--budgets", type=float, nargs="+", default=[0.28, 0.32, 0.36, 0.4, 0.5, 0.6]
    )
    parser.add_argument("--spend", type=int, default=1_000, help="to find the prices")
    parser.add_argument("--most", type=int, default=4, help="instances to choose from")
    parser.add_argument("--learn", type=int, default=10_000, help="training images")
    parser.add_argument("--images", type=int, default=10_000, help="test images")
    parser.add_argument("--timed", type=int, default=5_120, help="of the test images")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--core", type=int, default=0, help="the core to keep to")
    parser.add_argument(
        "--from", dest="source", type=pathlib.Path, help="a result, to write its page"
    )
    args = parser.parse_args()
    if args.source:
        result = json.loads(args.source.read_text())
        args = parser.parse_args([*result["command"].split()[2:], f"--out={args.out}"])
        report(result["rows"], args, result["data"], result["environment"])
        return
    os.sched_setaffinity(0, {args.core})  # Before TensorFlow counts the cores.
    model = kd.zoo.load(args.model)
    learn, test = loaded("train", args.learn, args), loaded("test", args.images, args)
    images, labels = test
    singles = [each.name for each in model.menu.pareto() if each.name != "full"]
    singles.append("full")
    progress("what", len(singles), "instances say")
    said = {name: answers(model, name, images, args.batch) for name in singles}
    adapts = controllers(model, learn, images[: args.spend], args)
    few = images[: args.timed]
    ways = {
        **{n: lambda n=n: answers(model, n, few, args.batch) for n in singles},
        **{
            s: lambda a=a: priced(*a).predict(few, args.batch)
            for s, a in adapts.items()
        },
    }
    times = timed(ways, args.rounds)
    rows = [
        {
            "way": name,
            "macs": model.menu[name].macs,
            "accuracy": float((said[name] == labels).mean()),
            "seconds": spread(times[name]),
        }
        for name in singles
    ]
    rows += [row(w, priced(*adapts[w]), test, said, times[w]) for w in adapts]
    images = kd.zoo.Network.load(args.model).images
    report(rows, args, kd.data.provenance(images, args.data_dir))


def report(rows, args, provenance, made=None):
    """Writes the rows and the page, with what each way of Resizable-Adapt gains."""
    singles = [r for r in rows if "shares" not in r]
    for adaptive in (r for r in rows if "shares" in r):
        beside_singles(adaptive, singles)
        beside_mixes(adaptive, singles)
    args.data_dir = args.core = None  # This machine's, and no part of the command.
    lines = [*page(rows, args), "", f"Data: {provenance['description']}"]
    title = "An instance for each image"
    write(args.out, title, command(args), rows, lines, made, data=provenance)


def beside_singles(adaptive, singles):
    """Adds which single instance is the best of those as quick, and the gain."""
    limit = adaptive["seconds"]["median"]
    fits = [r for r in singles if r["seconds"]["median"] <= limit]
    best = max(fits, key=lambda r: r["accuracy"], default=None)
    adaptive["best_single"] = best and best["way"]
    adaptive["gain"] = best and adaptive["accuracy"] - best["accuracy"]


def beside_mixes(adaptive, singles):
    """Adds which two single instances mix best by chance at its cost, and the gain."""
    macs, mixes = adaptive["macs"], []
    for low in (r for r in singles if r["macs"] <= macs):
        mixes.append((low["accuracy"], [low["way"]]))
        for high in (r for r in singles if r["macs"] > macs):
            share = (macs - low["macs"]) / (high["macs"] - low["macs"])
            gain = share * (high["accuracy"] - low["accuracy"])
            mixes.append((low["accuracy"] + gain, [low["way"], high["way"]]))
    accuracy, adaptive["best_mix"] = max(mixes)
    adaptive["gain_over_mix"] = adaptive["accuracy"] - accuracy


def controllers(model, learn, few, args):
    """{way: (Resizable-Adapt, price)}, a controller for each target."""
    full, found = model.menu.full.macs, {}
    for share in args.shares:
        names = chosen(model.menu, share * full, args.most)
        progress("a controller over", *names)
        adapt = kd.ResizableAdapt(model, names)
        adapt.fit(learn, verbose=0)
        found[f"up to {share:g}"] = adapt, None
        for budget in args.budgets:
            adapt.set_budget(few, budget * full, args.batch)
            found[f"up to {share:g}, mean {budget:g}"] = adapt, adapt.price
    return found


def priced(adapt, price):
    """The same controller under a price."""
    adapt.price = price
    return adapt


def row(way, adapt, test, said, times):
    """What a way of Resizable-Adapt is worth."""
    found = adapt.evaluate(test)
    right = [said[name] == test[1] for name in adapt.names]
    return {
        "way": f"adapt, {way}",
        "macs": found["macs"],
        "accuracy": found["accuracy"],
        "seconds": spread(times),
        "shares": found["shares"],
        "oracle": float(np.any(right, axis=0).mean()),
    }


def over(gain, names):
    """A gain as a cell, empty where there is none."""
    return "" if gain is None else f"{100 * gain:+.2f} over {' and '.join(names)}"


def page(rows, args):
    """The table, and what its columns are."""
    full = next(r for r in rows if r["way"] == "full")["seconds"]["median"]
    margin = 100 * (0.9 * 0.1 / args.images) ** 0.5  # Of nine right out of ten.

    def cells(r):
        return [
            r["way"],
            f"{r['macs'] / 1e6:.1f}",
            f"{100 * r['accuracy']:.2f}",
            show(r["seconds"]),
            f"{r['seconds']['median'] / full:.2f}",
            f"{100 * r['oracle']:.2f}" if "oracle" in r else "",
            over(r.get("gain"), [r.get("best_single")]),
            over(r.get("gain_over_mix"), r.get("best_mix")),
            ", ".join(f"{n} {100 * s:.0f} %" for n, s in r.get("shares", {}).items()),
        ]

    return table(
        "way | MMACs | accuracy % | processor time (s) | of full's | oracle % | "
        "gain at equal time, points | over chance at equal MACs, points | images to",
        [" | ".join(cells(r)) for r in rows],
    ) + [
        f"{args.model}; {args.images} test images, controllers learned from "
        f"{args.learn} training images. Targets (up to) and budgets (mean) are shares "
        f"of full's multiply-accumulates. Time of {args.timed} images: medians over "
        f"{args.rounds} rounds, with least and most, one core. An accuracy is known to "
        f"about ±{margin:.1f}."
    ]


if __name__ == "__main__":
    main()
