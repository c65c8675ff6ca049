"""How do networks stand images of another size than they were trained on?

    python benchmarks/scale_sensitivity.py --data_dir D   # what is committed here
    python benchmarks/scale_sensitivity.py --data_dir D --limit 256       # a trial

The full instances of networks trained for four minutes on Imagenette at 64 pixels, one
plainly, one on several sizes (multi-scale) and one with SDPoint; runs that

    keras-dynres train NAME --data_dir D --out_dir runs/NAME

left, or names of the zoo. Each network is run, as it is, on whole test images of each
size; all sizes are made of the same images at the largest. The last column is the
SDPoint paper's section 6.2.3: how alike (mean cosine of all pairs) the class
probabilities are when images are scaled to several sizes and the middle 64 pixels are
cut out. It trains and calibrates nothing.

Writes scale_sensitivity.json and .md beside this script, or where --out says.
"""

import keras
from _output import command, options, progress, table, write
from _trained import accuracy, said, spread, test_images, trained

import keras_dynres as kd
from keras_dynres.evaluation.scales import resize_and_crop

RUNS = [
    f"runs/{method}resnet14_imagenette_64"
    for method in ("", "multi_scale_", "sdpoint_")
]


def main():
    parser = options(__doc__, "scale_sensitivity")
    parser.add_argument("--models", nargs="+", default=RUNS, help="runs or names")
    parser.add_argument("--data_dir", help="folder of tensorflow-datasets")
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 48, 64, 80, 96])
    parser.add_argument("--limit", type=int, default=1_000, help="test images")
    args = parser.parse_args()
    rows, images = [], None
    for where in args.models:
        network, model = trained(where)
        progress(network.name)
        if images is None:
            images, labels = test_images(
                network, args.data_dir, args.limit, max(args.sizes)
            )
            provenance = kd.data.provenance(network.images.name, args.data_dir)
        rows.append(row(network, model.at("full"), images, labels, args.sizes))
    args.data_dir, args.models = None, [said(where) for where in args.models]
    write(
        args.out,
        "Images of other sizes",
        command(args),
        rows,
        [*page(rows, args), "", f"Data: {provenance['description']}"],
        data=provenance,
    )


def row(network, net, images, labels, sizes):
    """The network's accuracy at each size, and how alike its answers are."""
    side = network.input_shape[0]
    crops = [size for size in sizes if size >= side]
    alike = kd.evaluation.scale_sensitivity(net, images, crops, side, verbose=0)
    return {
        "network": network.name,
        "accuracy": {
            size: accuracy(at(net, size), resize_and_crop(images, size, size), labels)
            for size in sizes
        },
        "cosine": alike.mean,
        "cosine_sizes": crops,
        "crop": side,
    }


def at(net, size):
    """The network over images of another size, with copies of its weights."""
    shape = (size, size, net.input_shape[-1])
    other = keras.models.clone_model(net, input_tensors=keras.Input(shape))
    other.set_weights(net.get_weights())
    return other


def page(rows, args):
    """The table, and what its columns are."""
    columns = (f"{size} px, %" for size in args.sizes)
    head = " | ".join(["network", *columns, "cosine"])
    lines = [
        [f"`{r['network']}`"]
        + [f"{100 * share:.2f}" for share in r["accuracy"].values()]
        + [f"{r['cosine']:.4f}"]
        for r in rows
    ]
    side, sizes = rows[0]["crop"], ", ".join(map(str, rows[0]["cosine_sizes"]))
    return table(head, [" | ".join(line) for line in lines]) + [
        f"Accuracy over {args.limit} test images, by size; the networks were trained "
        f"at {side} pixels. Cosine: sizes {sizes}, of which the middle {side} "
        "pixels are seen. " + spread(args.limit)
    ]


if __name__ == "__main__":
    main()
