"""keras-dynres evaluate: the accuracy of every instance."""

from keras_dynres.cli import sources

ABOUT = "Measures the accuracy of every instance on the test images."
EXAMPLE = "keras-dynres evaluate sdpoint_wrn16_2_cifar10 --data_dir ~/data -o menu.csv"


def arguments(parser):
    """The command's own arguments."""
    sources.model_arguments(parser)
    sources.data_arguments(parser)
    parser.add_argument(
        "--instances", nargs="+", metavar="NAME", help="by default every one"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="the menu as .csv or .json, or the model with its figures as .keras or "
        ".npz",
    )


def run(args):
    """Evaluates, prints the menu, and writes it."""
    from keras_dynres import data

    suffixes = (".csv", ".json", *sources.MODEL_FILES)
    out = args.output and sources.output(args.output, suffixes)
    source = sources.load(args)
    model, name = source.model, sources.dataset(args, source)
    names = [model.menu[each].name for each in args.instances or model.menu.names]
    images = sources.images(args, source, "test")
    if not model.compiled:
        _compile(model, data.info(name).classes)
    with data.clear_errors(name):
        model.evaluate_menu(images, names)
    print(model.menu)
    if out:
        _write(model, out)
        print(f"Wrote {out}.")


def _compile(model, classes):
    import keras

    metrics = ["accuracy"]
    if classes > 10:
        metrics.append(keras.metrics.SparseTopKCategoricalAccuracy(5))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, metrics=metrics)


def _write(model, out):
    from keras_dynres import files

    if out.suffix in sources.MODEL_FILES:
        sources.save(model, out)
        return
    menu = model.menu
    text = menu.to_csv() if out.suffix == ".csv" else menu.to_json()
    files.write(out, text)
