"""Writes what the cards of the shipped networks say: README.md's menus, their pages.

python docs/make_menu.py

A block `<!-- menu:begin NAME -->` to `<!-- menu:end -->` in README.md holds the card's
table, `zoo/NAME/README.md` all of it.
"""

import re
from pathlib import Path

import keras_dynres as kd
from keras_dynres.zoo.places import CARD, SHIPPED

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- menu:begin (\w+) -->\n).*?(<!-- menu:end -->)", re.DOTALL)


def readme():
    """The text of README.md with the menus of the cards."""
    return BLOCK.sub(_table, README.read_text("utf-8"))


def pages():
    """{path: text} of the networks' pages."""
    names = sorted(path.parent.name for path in SHIPPED.glob(f"*/{CARD}"))
    return {
        ROOT / "zoo" / name / "README.md": kd.zoo.card(name).to_markdown()
        for name in names
    }


def _table(found):
    card = kd.zoo.card(found[2])
    section = card.to_markdown().split("\n## Instances\n")[1].split("\n## ")[0]
    return f"{found[1]}{section.strip()}\n{found[3]}"


if __name__ == "__main__":
    for path, text in {README: readme(), **pages()}.items():
        path.write_text(text, encoding="utf-8")
        print(f"Wrote {path}.")
