"""Segmentation and detection: are points better chosen than images made smaller?

    python benchmarks/dense.py --data_dir D --runs runs

For each trained pair of a dense network and its sampled one: what every instance gets
right on all test images, and beside it uniform sampling, which is the dense network on
images of 0.9 to 0.5 times the size, what it answers scaled back to the labels' size.
MACs of the whole network and of the backbone alone, and milliseconds through XNNPACK of
each, one image at a time, one thread, all in turn, so that a machine that slows down
slows all. `planned` computes whole the blocks in which sampling saves no time here.

Precision of detectors is that of pycocotools. Writes dense.json and dense.md beside
this script, or where --out says. Run it on a machine that does nothing else.
"""

import pathlib
import statistics
import tempfile
import time

import keras
import numpy as np
from _output import command, options, progress, table, write

import keras_dynres as kd
from keras_dynres.tflite.convert import convert
from keras_dynres.zoo import Network

NETS = {
    "segmentation": ("fcn14_camvid", "sampled_fcn14_camvid"),
    "detection": ("faster_rcnn14_bccd", "sampled_faster_rcnn14_bccd"),
}
SHARES = (0.9, 0.8, 0.7, 0.6, 0.5)
BACKBONE = ("stem", "stage")
# Of images, and what divides them.
WIDTH, STEP = 512, 32


def scaled(shape, share):
    """Height and width times the share, in steps that the network likes."""
    return tuple(max(STEP, STEP * round(n * share / STEP)) for n in shape)


def backbone_macs(graph):
    """MACs of the residual network alone."""
    rows = kd.cost.count(graph).layers
    return sum(row.macs for row in rows if row.name.startswith(BACKBONE))


def resized(images, shape):
    """Images in another size, as they are read in evaluation."""
    return np.asarray(keras.ops.image.resize(images, shape, antialias=True))


def figure(kind, graph, test, classes, shape=None):
    """Mean intersection over union, or average precision, on all test images."""
    metric = keras.metrics.MeanIoU(
        classes, ignore_class=kd.data.IGNORED, sparse_y_pred=False
    )
    boxes, rows = [], []
    for images, labels in test:
        images, labels = np.asarray(images), np.asarray(labels)
        whole = images.shape[1:3]
        if shape:
            images = resized(images, shape)
        answer = graph.predict_on_batch(images)
        if kind == "segmentation":
            logits = answer["map"]
            if shape:
                logits = keras.ops.image.resize(logits, whole)
            metric.update_state(labels, logits)
            continue
        edges = np.asarray(answer["boxes"], "float32")
        if shape:
            edges = edges * np.tile(np.divide(whole[::-1], shape[::-1]), 2)
        parts = [edges, answer["scores"][..., None], answer["classes"][..., None]]
        rows.append(np.concatenate(parts, axis=-1))
        boxes.append(labels)
    if kind == "segmentation":
        return {"mean_iou": float(metric.result())}
    return kd.detection.coco_figures(np.concatenate(boxes), np.concatenate(rows))


def milliseconds(graphs, rounds, warmup=3):
    """{row: median and middle half} of all graphs in turn, on one thread."""
    from ai_edge_litert.interpreter import Interpreter

    draw, runners = np.random.default_rng(0), {}
    times = {name: [] for name in graphs}
    with tempfile.TemporaryDirectory() as folder:
        for name, graph in graphs.items():
            path = pathlib.Path(folder) / f"{len(runners)}.tflite"
            path.write_bytes(convert({"run": graph}))
            runner = Interpreter(str(path), num_threads=1)
            runner.allocate_tensors()
            runners[name] = runner, runner.get_input_details()[0]
        for turn in range(rounds + warmup):
            for name, (runner, port) in runners.items():
                image = draw.normal(size=port["shape"]).astype("float32")
                runner.set_tensor(port["index"], image)
                start = time.perf_counter()
                runner.invoke()
                if turn >= warmup:
                    times[name].append(1000 * (time.perf_counter() - start))
    full = times["full"]
    result = {}
    for name, values in times.items():
        low, middle, high = statistics.quantiles(values, n=4)
        ratio = statistics.median(f / v for f, v in zip(full, values, strict=True))
        result[name] = {"ms": middle, "low": low, "high": high, "speedup": ratio}
    return result


def planned(model, names):
    """The same with blocks computed whole where that is quicker here."""
    other = type(model).from_config(model.get_config())
    other.set_weights(model.get_weights())
    for name in names:
        kd.tflite.plan_blocks(other, name, verbose=0)
    return other


def wide(model):
    """The model for images 512 pixels wide."""
    height, width = model.base.input_shape[1:3]
    if width == WIDTH:
        return model
    return model.at_size(STEP * round(height * WIDTH / width / STEP), WIDTH)


def measured(kind, args):
    """Rows of a task: what is got right, MACs, milliseconds."""
    names = NETS[kind]
    dense, model = (
        keras.saving.load_model(args.runs / name / "model.keras", compile=False)
        for name in names
    )
    network = Network.load(names[0])
    test = list(
        kd.data.load(network.images, "test", data_dir=args.data_dir, batch_size=8)
    )
    classes, shape = network.images.classes, network.images.shape
    fixed = [i.name for i in model.menu if "density" in i.settings]
    other = planned(wide(model), fixed)
    rows = {}
    for title, net, instances in (
        ("dense training", dense, ["full"]),
        ("", model, model.instances),
    ):
        for name in instances:
            progress(kind, title, name)
            row = " ".join(filter(None, (title, name)))
            rows[row] = figure(kind, net.at(name), test, classes)
            average = net.menu[name].figure("macs")
            # What an image saves on average is saved in the backbone.
            backbone = (
                rows["full"]["backbone"] - rows["full"]["macs"] + average
                if name == "sampled"
                else backbone_macs(net.at(name))
            )
            rows[row] |= {"macs": average, "backbone": backbone}
    small = {share: scaled(shape, share) for share in SHARES}
    for share, size in small.items():
        progress(kind, "uniform", share)
        net = dense.at_size(*size)
        row = f"uniform {share:g}"
        rows[row] = figure(kind, net.at("full"), test, classes, size)
        rows[row] |= {
            "macs": net.menu.full.macs,
            "backbone": backbone_macs(net.at("full")),
        }
    progress(kind, "milliseconds")
    large = wide(model)
    graphs = {"full": large.at("full")}
    for name in fixed:
        graphs[name] = large.at(name, uncalibrated=True)
        graphs[f"{name} planned"] = other.at(name, uncalibrated=True)
    whole = large.base.input_shape[1:3]
    for share in SHARES:
        net = dense.at_size(*scaled(whole, share))
        graphs[f"uniform {share:g}"] = net.at("full")
    for name, row in milliseconds(graphs, args.rounds).items():
        rows.setdefault(name, {"macs": None, "backbone": None}).update(row)
    for name in fixed:
        key = f"{name} planned"
        rows[key] |= _of_plan(kind, model, other, name, test, classes)
    return {"size": list(whole), "trained": list(shape), "rows": rows}


def _of_plan(kind, model, other, name, test, classes):
    """What the planned instance gets right at the size of the labels."""
    config = {**model.get_config(), "dense": other.get_config()["dense"]}
    net = type(model).from_config(config)
    net.set_weights(model.get_weights())
    graph = net.at(name, uncalibrated=True)
    return {
        **figure(kind, graph, test, classes),
        "macs": kd.cost.count(graph).macs,
        "backbone": backbone_macs(graph),
    }


def page(results):
    """A table for each task."""
    lines = []
    for kind, result in results.items():
        key = "mean_iou" if kind == "segmentation" else "map"
        full = result["rows"]["full"]["backbone"]
        cells = []
        for name, row in result["rows"].items():
            backbone = row["backbone"]
            cells.append(
                f"{name} | {100 * row[key]:.2f} | "
                + (f"{100 * row['map50']:.2f} | " if "map50" in row else "- | ")
                + f"{row['macs'] / 1e6:.0f} | "
                + (f"{backbone / full:.2f} | " if backbone else "- | ")
                + (
                    f"{row['ms']:.1f} ({row['low']:.1f} to {row['high']:.1f}) | "
                    f"{row['speedup']:.2f}"
                    if "ms" in row
                    else "- | -"
                )
            )
        height, width = result["size"]
        trained = "{1} x {0}".format(*result["trained"])
        lines += [f"## {kind.capitalize()}: {', '.join(NETS[kind])}", ""]
        title = "mean IoU %" if kind == "segmentation" else "mAP %"
        head = (
            f"instance | {title} | mAP50 % | MMACs at {trained} | backbone's share | "
            f"ms at {width} x {height} | speed-up"
        )
        lines += table(head, cells)
    return lines


def main():
    """Measures both tasks."""
    parser = options(__doc__, "dense")
    parser.add_argument("--data_dir", default=None)
    parser.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("runs"))
    parser.add_argument("--tasks", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args()
    results = {kind: measured(kind, args) for kind in args.tasks}
    args.data_dir, args.runs = None, None
    write(args.out, "Dense tasks", command(args), results, page(results))


if __name__ == "__main__":
    main()
