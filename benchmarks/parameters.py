"""What does each method add to the weights of a network?

    python benchmarks/parameters.py                         # what is committed here

Every method, as it is made by default, over the net of the zoo for CIFAR-10; MSDNet,
which has no base, beside the graph of its last exit alone; sampling, with statistics by
instance, over the net of the zoo for Imagenette. Nothing is trained. Counted are the
weights that training moves, and the others, which are batch norms' means and variances
and what the method knows of itself.

Writes parameters.json and parameters.md beside this script, or where --out says.
"""

import math

from _output import command, options, table, write

import keras_dynres as kd

POINTS = ["stage1_block2_add", "stage2_block2_add"]


def wide():
    return kd.architectures.wide_resnet(depth=16, width=2)


def narrow():
    return kd.architectures.resnet(14, (160, 160, 3), 10, channels=(32, 96, 160))


def anytime():
    model = kd.MSDNet("cifar_budget10")
    return model.at("full", uncalibrated=True, copy=True), model


def over(base, method, **kwargs):
    return lambda: (base(), method(base(), **kwargs))


MAKERS = {
    "Plain": over(wide, kd.Plain),
    "SDPoint": over(wide, kd.SDPoint),
    "MultiScale": over(wide, kd.MultiScale),
    "Resizable": over(wide, kd.Resizable),
    "Resizable, by configuration": over(wide, kd.Resizable, statistics="configuration"),
    "LowMode": over(wide, kd.LowMode),
    "EarlyExit, 2 pooled heads": over(wide, kd.EarlyExit, points=POINTS),
    "EarlyExit, 2 convolutional heads": over(
        wide, kd.EarlyExit, points=POINTS, heads="conv"
    ),
    "MSDNet, 4 exits": anytime,
    "Sampled": over(narrow, kd.Sampled, statistics="instance"),
}


def count(variables):
    return sum(math.prod(variable.shape) for variable in variables)


def measure(name):
    base, model = MAKERS[name]()
    return {
        "method": name,
        "instances": len(model.instances),
        "weights": count(base.weights),
        "trained_more": count(model.trainable_weights) - count(base.trainable_weights),
        "held_more": count(model.non_trainable_weights)
        - count(base.non_trainable_weights),
    }


def cells(row):
    shares = [100 * row[key] / row["weights"] for key in ("trained_more", "held_more")]
    return " | ".join(
        [
            row["method"],
            str(row["instances"]),
            *(f"{row[key]:,}" for key in ("weights", "trained_more")),
            f"{shares[0]:.2f}",
            f"{row['held_more']:,}",
            f"{shares[1]:.2f}",
        ]
    )


def main():
    args = options(__doc__, "parameters").parse_args()
    rows = [measure(name) for name in MAKERS]
    head = (
        "method | instances | weights of the base | trained more | trained more (%) | "
        "held more | held more (%)"
    )
    lines = [
        "WRN-16-2 for CIFAR-10; MSDNet's smallest network for it, its last exit alone "
        "as the base; for sampling a narrow ResNet-14 at 160 pixels.",
        "",
        *table(head, map(cells, rows)),
    ]
    write(args.out, "Weights that methods add", command(args), rows, lines)


if __name__ == "__main__":
    main()
