"""What benchmarks write: the same figures as JSON and as a page."""

import json
import statistics

from keras_dynres.evaluation import environment


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


def show(figure, unit=1.0):
    """A figure of `spread` as a cell."""
    median, least, most = (figure[k] * unit for k in ("median", "least", "most"))
    return f"{median:.3g} ({least:.3g} to {most:.3g})"


def write(out, title, command, rows, lines):
    """Writes OUT.json and OUT.md, and prints the page."""
    made = environment()
    result = {"command": command, "environment": made, "rows": rows}
    words = ", ".join(f"{key} {value}" for key, value in made.items())
    page = "\n".join([f"# {title}", "", f"{words}.", "", f"`{command}`", "", *lines])
    out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    out.with_suffix(".md").write_text(page)
    print(page)
