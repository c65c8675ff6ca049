"""What benchmarks take and give: options; the same figures as JSON and as a page."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

from keras_dynres.evaluation import environment

HERE = pathlib.Path(__file__).parent


def options(description, name):
    """A parser with what every script takes; `name` is what its results are called."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=pathlib.Path, default=HERE / name)
    return parser


def command(args):
    """The command line that says every option but `--out`."""
    words = ["python", f"benchmarks/{pathlib.Path(sys.argv[0]).name}"]
    for key, value in vars(args).items():
        if isinstance(value, bool):
            words.append(f"--{key}" if value else f"--no-{key}")
        elif key != "out" and value is not None:
            values = value if isinstance(value, (list, tuple)) else [value]
            words += [f"--{key}", *map(str, values)]
    return " ".join(words)


def progress(*words):
    """A line for whoever watches; a benchmark takes minutes."""
    print("#", *words, flush=True)


def alone(net):
    """What this script's `--child NET` prints last, read as JSON.

    A process for each net: none pays for the memory or the graphs of another.
    """
    progress(net)
    words = [sys.executable, *sys.argv, "--child", net]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def table(head, rows):
    """Lines of a markdown table; cells are split by `|`."""
    rule = " | ".join("---" for _ in head.split("|"))
    return [f"| {line} |" for line in (head, rule, *rows)] + [""]


def spread(values):
    """Median, least and most of repeats."""
    values = list(values)
    return {
        "median": statistics.median(values),
        "least": min(values),
        "most": max(values),
    }


def show(figure):
    """A figure of `spread` as a cell."""
    median, least, most = (
        f"{value:.0f}" if value >= 1000 else f"{value:.3g}"
        for value in (figure[key] for key in ("median", "least", "most"))
    )
    return f"{median} ({least} to {most})"


def write(out, title, command, rows, lines, made=None, **more):
    """Writes OUT.json and OUT.md, and prints the page.

    `made` is where the figures were measured, if not here and now.
    """
    made = made or environment()
    result = {"command": command, "environment": made, **more, "rows": rows}
    words = ", ".join(f"{key} {value}" for key, value in made.items())
    page = "\n".join([f"# {title}", "", f"{words}.", "", f"`{command}`", "", *lines])
    out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    out.with_suffix(".md").write_text(page.rstrip("\n") + "\n")
    print(page)
