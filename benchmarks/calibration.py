"""How fast is calibration, beside a plain pass over the same images?

    python benchmarks/calibration.py                        # what is committed here
    python benchmarks/calibration.py --net wrn_10_1 --batches 2             # a trial

Calibrates every instance of an SDPoint model on random images and sets it against
`predict` of the full network on as many; each repeat does both. The share divides
calibration's time an image and instance by predict's, weighted by MACs.

Writes calibration.json and calibration.md beside this script, or where --out says.
"""

import argparse
import pathlib
import time

import numpy as np
from _nets import NETS
from _output import show, spread, table, write

import keras_dynres as kd

HERE = pathlib.Path(__file__).parent


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--net", default="wrn_16_2", choices=list(NETS))
    parser.add_argument("--batches", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "calibration")
    args = parser.parse_args()
    model = kd.SDPoint(NETS[args.net]())
    shape = (128 * args.batches, *model.base.input_shape[1:])
    images = np.random.default_rng(0).standard_normal(shape, "float32")
    full = model.at("full")
    full.predict(images[:128], batch_size=128, verbose=0)
    passes = sum(i.macs for i in model.menu) / model.menu.full.macs
    rates, plain, shares = [], [], []
    for turn in range(args.repeats):
        print("#", turn + 1, "of", args.repeats, flush=True)
        start = time.perf_counter()
        model.calibrate(images, verbose=0)
        between = time.perf_counter()
        full.predict(images, batch_size=128, verbose=0)
        end = time.perf_counter()
        rates.append(len(images) * len(model.instances) / (between - start))
        plain.append(len(images) / (end - between))
        shares.append((between - start) / passes / (end - between))
    row = {
        "net": args.net,
        "instances": len(model.instances),
        "images": len(images),
        "calibrated_per_s": spread(rates),
        "predicted_per_s": spread(plain),
        "share": spread(shares),
    }
    head = (
        "net | instances | images | calibration (images x instances / s) | "
        "predict of full (images / s) | time at equal MACs, calibration / predict"
    )
    cells = (
        f"{args.net} | {row['instances']} | {row['images']} | {show(spread(rates))} | "
        f"{show(spread(plain))} | {show(spread(shares))}"
    )
    lines = table(head, [cells])
    lines += ["Compilation of each instance is in the time. Medians, least and most."]
    command = (
        f"python benchmarks/calibration.py --net {args.net} --batches {args.batches} "
        f"--repeats {args.repeats}"
    )
    write(args.out, "Calibration", command, [row], lines)


if __name__ == "__main__":
    main()
