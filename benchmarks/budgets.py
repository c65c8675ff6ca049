"""Is a budget worth spending whole, on images that its policy was not fitted to?

    python benchmarks/budgets.py --data_dir ~/data           # what is committed here
    python benchmarks/budgets.py --data_dir ~/data --seeds 0                # a trial

The rules of `exits.solve` fit thresholds of a trained network with exits to images held
out from its training, for budgets from the first exit's cost to the last one's; cost
and accuracy are those of the test images. "geometric" and "searched" spend the whole
budget, "best" no more of it than gains something on the images held out. Where few are
held out, these are drawn --seeds times, and the figures are means.
Target: no less accurate than either rule that spends it whole.

Writes budgets.json and budgets.md beside this script, or where --out says.
"""

import numpy as np
from _output import command, options, progress, table, write

import keras_dynres as kd
from keras_dynres.exits.rules import RULES, solve_each

FEW = 1000


def main():
    parser = options(__doc__, "budgets")
    parser.add_argument("--data_dir")
    parser.add_argument("--net", default="msdnet_budget10_cifar10")
    parser.add_argument("--points", type=int, default=9)
    parser.add_argument("--seeds", type=int, default=10)
    args = parser.parse_args()
    network, model = kd.zoo.Network.load(args.net), kd.zoo.load(args.net)
    costs = model.exit_costs()
    held = seen(args, network, model, "held_out", held_out=network.held_out)
    test = seen(args, network, model, "test")
    budgets = np.linspace(costs[0], costs[-1], args.points).tolist()
    rows = measure(held, test, costs, budgets)
    draws = [part(held, seed) for seed in range(args.seeds)]
    few = [measure(draw, test, costs, budgets) for draw in draws]
    rows += [{**mean(same), "held_out": FEW} for same in zip(*few, strict=True)]
    head = "held out | budget (MMACs) | " + " | ".join(
        f"{rule}: cost | % right" for rule in RULES
    )
    args.data_dir = args.data_dir and "DATA"
    lines = table(head, map(cells, rows))
    lines += ["", "Costs in millions of MACs, and accuracies, of the test images."]
    write(args.out, "Budgets spent whole, or not", command(args), rows, lines)


def seen(args, network, model, split, **options):
    """Probabilities and labels of the images of a split."""
    progress(split)
    rows, labels = [], []
    batches = kd.data.load(network.images, split, args.data_dir, 256, **options)
    for images, classes in batches:
        outputs = model.base.predict_on_batch(images)
        rows.append([np.asarray(o, "float64") for o in outputs])
        labels.append(np.asarray(classes))
    logits = np.concatenate(rows, axis=1)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True), np.concatenate(labels)


def part(held, seed):
    """A few of the images, drawn."""
    probabilities, labels = held
    some = np.random.default_rng(seed).choice(len(labels), FEW, replace=False)
    return probabilities[:, some], labels[some]


def measure(held, test, costs, budgets):
    """A row for each budget: what its policy by each rule gets and costs."""
    about = {"unit": "macs", "exits": None, "model": "net", "held_out": None}
    rows = [{"held_out": len(held[1]), "budget": budget} for budget in budgets]
    for rule in RULES:
        policies = solve_each(*held, costs, budgets, rule, **about)
        for row, policy in zip(rows, policies, strict=True):
            accuracy, cost = kd.exits.accuracy_and_cost(*test, costs, policy)
            row[rule] = {"accuracy": accuracy, "cost": cost}
    return rows


def mean(rows):
    """The mean of rows of one budget."""
    return {
        "budget": rows[0]["budget"],
        **{
            rule: {
                key: float(np.mean([row[rule][key] for row in rows]))
                for key in ("accuracy", "cost")
            }
            for rule in RULES
        },
    }


def cells(row):
    figures = [
        f"{row[rule]['cost'] / 1e6:.2f} | {100 * row[rule]['accuracy']:.2f}"
        for rule in RULES
    ]
    return f"{row['held_out']} | {row['budget'] / 1e6:.2f} | " + " | ".join(figures)


if __name__ == "__main__":
    main()
