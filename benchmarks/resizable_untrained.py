"""Is a network resizable that was never trained to be?

    python benchmarks/resizable_untrained.py --data_dir D  # what is committed here
    python benchmarks/resizable_untrained.py --data_dir D --limit 256     # a trial

A plainly trained network is wrapped as `Resizable` and run at instances of its menu,
beside the network that was trained as resizable (the Resizable paper's figure 5): both
as training left them, the plain one with its only statistics, the resizable one with
those of each scale; and with statistics calibrated on training images for each
configuration of scales, which is all that can be done without training. The networks
are runs that

    keras-dynres train NAME --data_dir D --out_dir runs/NAME

left, four minutes each on Imagenette at 64 pixels, or names of the zoo.

Writes resizable_untrained.json and .md beside this script, or where --out says.
"""

from _output import command, options, progress, table, write
from _trained import accuracy, said, spread, test_images, trained

import keras_dynres as kd

FINEST = "configuration"
WAYS = {
    "plain": "plain, as trained, %",
    "plain_calibrated": "plain, calibrated, %",
    "resizable": "resizable, as trained, %",
    "resizable_calibrated": "resizable, calibrated, %",
}


def main():
    parser = options(__doc__, "resizable_untrained")
    parser.add_argument("--plain", default="runs/resnet14_imagenette_64")
    parser.add_argument("--resizable", default="runs/resizable_resnet14_imagenette_64")
    parser.add_argument("--data_dir", help="folder of tensorflow-datasets")
    parser.add_argument(
        "--instances",
        nargs="+",
        default=["full", "s1-1-0.5", "s0.75-0.75-0.75", "s0.5-1-1", "s0.5-0.5-0.5"],
    )
    parser.add_argument("--batches", type=int, default=20, help="to calibrate on")
    parser.add_argument("--limit", type=int, default=2_000, help="test images")
    args = parser.parse_args()
    network, resizable = trained(args.resizable)
    base = trained(args.plain)[1].base
    scales = resizable.get_config()["scales"]
    models = {
        "plain": kd.Resizable(base, scales, statistics="uniform"),
        "plain_calibrated": kd.Resizable(base, scales, statistics=FINEST),
        "resizable": resizable,
        "resizable_calibrated": resizable.with_statistics(FINEST),
    }
    images = network.images
    train = kd.data.load(images, "train", args.data_dir, augment=network.augment)
    others = [name for name in args.instances if name != "full"]
    for way in ("plain_calibrated", "resizable_calibrated"):
        progress("calibrates", way)
        models[way].calibrate(train, args.batches, others, verbose=0)
    test = test_images(network, args.data_dir, args.limit)
    rows = []
    for name in args.instances:
        progress(name)
        figures = {way: accuracy(net.at(name), *test) for way, net in models.items()}
        rows.append({"instance": name, "macs": resizable.menu[name].macs, **figures})
    provenance = kd.data.provenance(images.name, args.data_dir)
    args.data_dir = None
    args.plain, args.resizable = said(args.plain), said(args.resizable)
    write(
        args.out,
        "Resizable without training for it",
        command(args),
        rows,
        [*page(rows, args), "", f"Data: {provenance['description']}"],
        data=provenance,
    )


def page(rows, args):
    """The table, and what its columns are."""
    cells = [
        [row["instance"], f"{row['macs'] / 1e6:.1f}"]
        + [f"{100 * row[way]:.2f}" for way in WAYS]
        for row in rows
    ]
    head = " | ".join(["instance", "MMACs", *WAYS.values()])
    return table(head, [" | ".join(line) for line in cells]) + [
        f"Accuracy of `{args.plain}` and `{args.resizable}` over {args.limit} test "
        f"images; calibrated on {args.batches} batches of 128 augmented training "
        "images, by configuration of scales, but for `full`. " + spread(args.limit)
    ]


if __name__ == "__main__":
    main()
