"""How fast is the phone's page in a browser, beside the Runner on the same machine?

    python benchmarks/phone.py                              # what is committed here
    python benchmarks/phone.py --nets sdpoint_wrn16_2_cifar10 --rounds 1    # a trial

Exports shipped networks with their whole menus and serves the page to a Chromium
without a window, by http as from another computer: one thread, relaxed SIMD. In a round
the page measures every instance in a fresh browser, then `Runner.benchmark` does on one
thread. The figure is the median over rounds of a round's median, with the least and the
most; the ratio that of the two medians of a round. A start is that of a browser that
has nothing in its cache: the bytes that the server sends, and the seconds from the
opening of the page to its first figure.

Writes phone.json and phone.md beside this script, or where --out says.
Needs Chromium, its driver and selenium, and the extra `phone`; run it on a machine that
does nothing else.
"""

import pathlib
import sys
import tempfile
import threading

import numpy as np
from _output import HERE, command, options, progress, show, spread, table, write

import keras_dynres as kd
from keras_dynres.tflite import Runner, export
from keras_dynres_cli.phone.server import Handler, Server
from keras_dynres_cli.phone.site import Site

NETS = ["sdpoint_wrn16_2_cifar10", "msdnet_budget10_cifar10"]
FIRST = """
const done = arguments[0];
const look = () => {
  const session = window.keras_dynres;
  if (session && Object.keys(session.figures).length) done(performance.now() / 1e3);
  else setTimeout(look, 5);
};
look();
"""


class Counted:
    """A stream that adds up what is written to it."""

    def __init__(self, stream, server):
        self.stream = stream
        self.server = server

    def write(self, data):
        with self.server.lock:
            self.server.sent += len(data)
        return self.stream.write(data)

    def __getattr__(self, name):
        return getattr(self.stream, name)


class Counting(Handler):
    """Counts the bytes that go out."""

    def setup(self):
        super().setup()
        self.wfile = Counted(self.wfile, self.server)


def in_browser(server, chromium):
    """What the page measures in a fresh browser, and how it started."""
    server.sent = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        driver = chromium.start(folder)
        try:
            driver.set_script_timeout(600)
            page = chromium.Page(driver, patience=3600)
            page.open(server.url(host=chromium.LAN))
            first = driver.execute_async_script(FIRST)
            page.measured()
            figures = page.script("return keras_dynres.figures")
            version = driver.capabilities["browserVersion"]
        finally:
            driver.quit()
    start = {"bytes": server.sent, "first_figure_s": first}
    return {name: f["median_ms"] for name, f in figures.items()}, start, version


def in_python(path, repeats):
    with Runner(path) as runner:
        figures = runner.benchmark(repeats=repeats, warmup=5, verbose=0)
    return {name: values["median_ms"] for name, values in figures.items()}


def measure(path, chromium, args):
    """(figures of each round in both, starts, browser's version) of a bundle."""
    rounds, starts = [], []
    server = Server(Site(path), keep=print, port=0, host="127.0.0.1")
    server.RequestHandlerClass = Counting
    server.lock, server.sent = threading.Lock(), 0
    with server.background():
        for turn in range(args.rounds):
            progress(f"{path.stem}, round {turn + 1} of {args.rounds}")
            page, start, version = in_browser(server, chromium)
            rounds.append({"page": page, "python": in_python(path, args.repeats)})
            starts.append(start)
    return rounds, starts, version


def rows_of(net, precision, rounds):
    """A row for each instance, cheapest first."""
    rows = []
    for name in rounds[0]["python"]:
        page, python = ([r[key][name] for r in rounds] for key in ("page", "python"))
        ratios = [a / b for a, b in zip(page, python, strict=True)]
        rows.append(
            {
                "net": net,
                "precision": precision,
                "instance": name,
                "page_ms": spread(page),
                "python_ms": spread(python),
                "ratio": spread(ratios),
            }
        )
    return rows


def exported(name, precision, folder):
    """A shipped network's bundle, all instances in it."""
    model = kd.zoo.load(name)
    shape = model.base.input_shape[1:]
    noise = np.random.default_rng(1).standard_normal((32, *shape), "float32")
    path = pathlib.Path(folder) / f"{name}_{precision}.tflite"
    export(
        model,
        path,
        instances="all",
        precision=precision,
        calibration_data=noise if precision == "int8" else None,
        verify_data=noise,
        verbose=0,
    )
    return path


def lines(rows, starts):
    """Two tables: how a page starts, and each instance."""
    short = table(
        "net | precision | bundle (MB) | sent (MB) | first figure (s) | "
        "page / Runner, median over instances",
        [
            f"{s['net']} | {s['precision']} | {s['bundle_bytes'] / 1e6:.2f} | "
            f"{s['bytes'] / 1e6:.2f} | {show(s['first_figure_s'])} | "
            f"{show(s['ratio'])}"
            for s in starts
        ],
    )
    whole = table(
        "net | precision | instance | page (ms) | Runner (ms) | page / Runner",
        [
            f"{r['net']} | {r['precision']} | {r['instance']} | {show(r['page_ms'])} | "
            f"{show(r['python_ms'])} | {show(r['ratio'])}"
            for r in rows
        ],
    )
    return [*short, *whole]


def main():
    parser = options(__doc__, "phone")
    parser.add_argument("--nets", nargs="+", default=NETS)
    parser.add_argument("--precisions", nargs="+", default=["float32", "int8"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=50)
    args = parser.parse_args()
    sys.path.insert(0, str(HERE.parent / "tests"))
    import chromium  # what the tests drive the browser by

    rows, starts = [], []
    with tempfile.TemporaryDirectory() as folder:
        for net in args.nets:
            for precision in args.precisions:
                progress(f"{net}, {precision}: exporting")
                path = exported(net, precision, folder)
                rounds, begun, version = measure(path, chromium, args)
                some = rows_of(net, precision, rounds)
                rows += some
                starts.append(
                    {
                        "net": net,
                        "precision": precision,
                        "bundle_bytes": path.stat().st_size,
                        "bytes": begun[0]["bytes"],
                        "first_figure_s": spread(s["first_figure_s"] for s in begun),
                        "ratio": spread(row["ratio"]["median"] for row in some),
                    }
                )
    page = [f"Chromium {version}, without a window.", "", *lines(rows, starts)]
    title = "The page in a browser, beside the Runner"
    write(args.out, title, command(args), rows, page, starts=starts, chromium=version)


if __name__ == "__main__":
    main()
