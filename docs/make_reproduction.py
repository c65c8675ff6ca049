"""Writes docs/reproduction.md, and the excerpts of it in the guides.

python docs/make_reproduction.py

A block `<!-- exhibit:begin PAPER TITLE -->` to `<!-- exhibit:end -->` in a guide holds
that table or figure as `keras-dynres reproduce PAPER` shows it without runs.
"""

import re
from pathlib import Path

from keras_dynres.zoo.paper import PAPERS, Paper
from keras_dynres_cli import reproduction
from keras_dynres_cli.evidence import Evidence

DOCS = Path(__file__).parent
PAGE = DOCS / "reproduction.md"
BLOCK = re.compile(
    r"(<!-- exhibit:begin (\w+) (.+) -->\n).*?(<!-- exhibit:end -->)", re.DOTALL
)
HEAD = """\
# The papers' tables and figures

What `keras-dynres reproduce` says of each paper where nothing was trained but what
ships: every table and figure, the recipe that makes each row, what the paper reports,
and what was measured here. With `--runs FOLDER` it takes what `keras-dynres train`
left there, with `--out FOLDER` it also writes the figures as CSV and JSON and draws
them.

The papers' trainings take days of GPUs; none was run. What was measured stands in two
columns. **Here** is the row's own network on its own images. **Small networks**
follow the same method on other images, [Imagenette at 64
pixels](../benchmarks/small_table.md), CIFAR-10, CamVid or BCCD: they show whether a
claim holds in the small, and their errors are not the paper's. `20.15 % at 45.7
MMACs` is the error (of maps and boxes the mean IoU and mAP) and the
multiply-accumulates of an image. Of a curve there are three: the full instance, the
best at half of its cost, the cheapest. `Only drawn` is what a paper shows in a
picture and gives no number of.

"""


def page() -> str:
    """The text of the page."""
    evidence = Evidence()
    pages = [reproduction.page(Paper.load(name), evidence, level=2) for name in PAPERS]
    counts = f"```\n{reproduction.overview(evidence)}\n```\n\n"
    return HEAD + counts + "\n".join(pages).rstrip() + "\n"


def guides() -> dict[Path, str]:
    """The guides with an excerpt, by their paths."""
    texts = {path: path.read_text("utf-8") for path in DOCS.glob("guides/*.md")}
    return {p: BLOCK.sub(_excerpt, t) for p, t in texts.items() if BLOCK.search(t)}


def _excerpt(found: re.Match) -> str:
    exhibits = {exhibit.title: exhibit for exhibit in Paper.load(found[2]).exhibits}
    return f"{found[1]}{reproduction.table(exhibits[found[3]], Evidence())}\n{found[4]}"


if __name__ == "__main__":
    for path, text in {PAGE: page(), **guides()}.items():
        path.write_text(text, encoding="utf-8")
        print(f"Wrote {path}.")
