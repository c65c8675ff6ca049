"""How fast is calibration, beside a plain pass over the same images?

    python benchmarks/calibration.py                        # what is committed here
    python benchmarks/calibration.py --net wrn_10_1 --batches 2             # a trial

Each repeat calibrates every instance of an SDPoint model on one batch of random images,
which is compilation for the most part, then on so many batches, and predicts as many
with the full network. Throughput is that of the batches beyond the first. The share
divides calibration's time for an image and instance by predict's, weighted by MACs.

Writes calibration.json and calibration.md beside this script, or where --out says.
Run it on a machine that does nothing else.
"""

import time

import numpy as np
from _nets import NETS
from _output import command, options, progress, show, spread, table, write

import keras_dynres as kd

BATCH = 128


def seconds(function, *args, **kwargs):
    start = time.perf_counter()
    function(*args, **kwargs, verbose=0)
    return time.perf_counter() - start


def main():
    parser = options(__doc__, "calibration")
    parser.add_argument("--net", default="wrn_16_2", choices=list(NETS))
    parser.add_argument("--batches", type=int, default=6, help="at least 2")
    parser.add_argument("--repeats", type=int, default=2)
    args = parser.parse_args()
    model = kd.SDPoint(NETS[args.net]())
    shape = (BATCH * args.batches, *model.base.input_shape[1:])
    images = np.random.default_rng(0).standard_normal(shape, "float32")
    counted = len(images) - BATCH
    full = model.at("full")
    full.predict(images[:BATCH], batch_size=BATCH, verbose=0)
    passes = sum(i.macs for i in model.menu) / model.menu.full.macs
    first, rates, plain, shares = [], [], [], []
    for turn in range(args.repeats):
        progress(turn + 1, "of", args.repeats)
        first.append(seconds(model.calibrate, images[:BATCH]))
        further = seconds(model.calibrate, images) - first[-1]
        predict = seconds(full.predict, images[BATCH:], batch_size=BATCH)
        rates.append(counted * len(model.instances) / further)
        plain.append(counted / predict)
        shares.append(further / passes / predict)
    row = {
        "net": args.net,
        "instances": len(model.instances),
        "images": counted,
        "first_batch_s": spread(first),
        "calibrated_per_s": spread(rates),
        "predicted_per_s": spread(plain),
        "share": spread(shares),
    }
    figures = ("first_batch_s", "calibrated_per_s", "predicted_per_s", "share")
    lines = table(
        "net | instances | images | first batch of all (s) | calibration (images x "
        "instances / s) | predict of full (images / s) | time at equal MACs, "
        "calibration / predict",
        [
            f"{args.net} | {row['instances']} | {counted} | "
            + " | ".join(show(row[key]) for key in figures)
        ],
    )
    lines += ["Medians over repeats, with least and most."]
    write(args.out, "Calibration", command(args), [row], lines)


if __name__ == "__main__":
    main()
