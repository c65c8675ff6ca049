"""Where does Keras stand beside PyTorch?

    pip install torch
    python benchmarks/pytorch.py                            # what is committed here
    python benchmarks/pytorch.py --cases cifar_1 --rounds 1                 # a trial

MSDNets go through all exits at once: in PyTorch (eager, channels last, inference mode),
by Keras' `predict_on_batch` and `predict`, by `predict_on_batch` with batch norms
folded as the stages of `predict_dynamic` have them, and by XNNPACK, one image at a
time. PyTorch runs the very graph with the very weights: each layer of the Keras graph
is carried out by the torch operation of the same meaning, and outputs must agree to
1e-4 of the largest before anything is timed. The same for a training step of the zoo's
narrow ResNet-14 at 64 pixels, in float32 and in bfloat16 (autocast against Keras'
`mixed_bfloat16`, as recipes train): SGD with momentum, one loss, Keras with fused batch
norms; loading data is left out. All ways use as many threads and take turns; figures
are medians over rounds of a round's median, with least and most.

Writes pytorch.json and pytorch.md beside this script, or where --out says. Run it on a
machine that does nothing else.
"""

import statistics
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from _output import command, options, progress, show, spread, table, write
from staging import NETS, one_graph

import keras_dynres as kd
from keras_dynres.exits.folds import folded

try:
    import torch
    from _torch_graph import Torch, to_torch
    from torch.nn import functional
except ImportError:
    sys.exit("This benchmark needs PyTorch: pip install torch")

CASES = {
    "cifar_64": ("cifar_anytime", 64),
    "cifar_1": ("cifar_anytime", 1),
    "imagenet_64": ("imagenet_step4", 64),
    "training_64": ("resnet14, 64 pixels", 64),
    "training_128": ("resnet14, 128 pixels", 64),
}
# The trainings' pictures.
PIXELS = {"resnet14, 64 pixels": 64, "resnet14, 128 pixels": 128}
PRECISIONS = ("bfloat16", "float32")
WAYS = {
    "pytorch": "PyTorch",
    "on_batch": "predict_on_batch",
    "folded": "folded",
    "predict": "predict",
    "xnnpack": "XNNPACK",
}


def inference(net, batch, args):
    """What torch and Keras differ by, and {way: a function} through all exits."""
    model = NETS[net]()
    base, norms_folded = model.base, folded(model.base)
    size = (batch, *base.input_shape[1:])
    images = np.random.default_rng(0).standard_normal(size, "float32")
    module, pictures = Torch(base).eval(), to_torch(images)
    every = one_graph(model, "float32", images[:1], args.threads)

    @torch.inference_mode()
    def pytorch():
        return [values.numpy() for values in module(pictures)]

    ways = {
        "pytorch": pytorch,
        "on_batch": lambda: base.predict_on_batch(images),
        "folded": lambda: norms_folded.predict_on_batch(images),
        "predict": lambda: base.predict(images, batch, verbose=0),
        "xnnpack": lambda: [every(images[i : i + 1]) for i in range(batch)],
    }
    return difference(pytorch(), base.predict_on_batch(images)), ways


def training(net, batch, args):
    """As `inference`, of a training step in each precision."""
    draw = np.random.default_rng(0)
    images = draw.standard_normal((batch, PIXELS[net], PIXELS[net], 3), "float32")
    labels = draw.integers(0, 10, batch)
    plain = resnet(net, "float32")
    with torch.inference_mode():
        outputs = Torch(plain).eval()(to_torch(images))[0].numpy()
    apart = difference([outputs], [plain.predict_on_batch(images)])
    ways = {}
    for precision in PRECISIONS:
        lower = precision == "bfloat16"
        ways[f"PyTorch, {precision}"] = torch_step(Torch(plain), lower, images, labels)
        model = resnet(net, "mixed_bfloat16" if lower else "float32")
        ways[f"Keras, {precision}"] = keras_step(model, images, labels)
    return apart, ways


def torch_step(module, lower, images, labels):
    """A function that takes one step."""
    module.train()
    optimizer = torch.optim.SGD(module.parameters(), 0.01, momentum=0.9)
    pictures, classes = to_torch(images), torch.from_numpy(labels)

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=lower):
            loss = functional.cross_entropy(module(pictures)[0], classes)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def keras_step(model, images, labels):
    """A function that takes one step."""
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    kd.training.fuse_norms(model)
    return lambda: model.train_on_batch(images, labels)


def resnet(net, precision):
    """The zoo's narrow ResNet-14, with the same weights each time."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(precision)
    model = kd.architectures.resnet(
        14, (PIXELS[net], PIXELS[net], 3), classes=10, channels=(32, 96, 160)
    )
    keras.config.set_dtype_policy("float32")
    return model


def difference(ones, others):
    """The largest difference, as a share of the largest value; small, or it raises."""
    pairs = zip(ones, others, strict=True)
    apart = max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)
    if apart > 1e-4:
        raise ValueError(f"PyTorch and Keras differ by {apart} of the largest value.")
    return apart


def measure(case, args):
    """A row: milliseconds of each way."""
    progress(case)
    net, batch = CASES[case]
    prepare = training if net in PIXELS else inference
    apart, ways = prepare(net, batch, args)
    timed = {name: [] for name in ways}
    for turn in range(args.rounds + 1):
        for name, way in ways.items():
            middle = statistics.median(milliseconds(way, args.repeats))
            if turn:  # Before, shapes are compiled.
                timed[name].append(middle)
    figures = {name: spread(values) for name, values in timed.items()}
    return {"case": case, "net": net, "batch": batch, "apart": apart, **figures}


def milliseconds(way, repeats):
    """How long each of so many runs takes."""
    for _ in range(repeats):
        start = time.perf_counter()
        way()
        yield 1000 * (time.perf_counter() - start)


def page(rows):
    """Lines of the two tables."""
    names = " | ".join(WAYS.values())
    head, tests = f"all exits, ms a batch | images | {names} | apart", []
    step, steps = "training step | images | way | ms | images a second | apart", []
    for r in rows:
        if r["net"] not in PIXELS:
            cells = " | ".join(show(r[way]) for way in WAYS)
            tests += [f"{r['net']} | {r['batch']} | {cells} | {r['apart']:.0e}"]
            continue
        for way in (f"{n}, {p}" for p in PRECISIONS for n in ("PyTorch", "Keras")):
            rate = 1000 * r["batch"] / r[way]["median"]
            cells = f"{way} | {show(r[way])} | {rate:.0f} | {r['apart']:.0e}"
            steps += [f"{r['net']} | {r['batch']} | {cells}"]
    lines = [f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads.", ""]
    lines += table(head, tests) if tests else []
    lines += table(step, steps) if steps else []
    return [*lines, "Medians over rounds, with least and most; `apart` in float32."]


def main():
    parser = options(__doc__, "pytorch")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    torch.set_num_threads(args.threads)
    rows = [measure(case, args) for case in args.cases]
    facts = {"torch": torch.__version__}
    write(args.out, "Beside PyTorch", command(args), rows, page(rows), **facts)


if __name__ == "__main__":
    main()
