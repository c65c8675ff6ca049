"""Writes the menus of the shipped networks into README.md, as their cards have them.

python docs/make_menu.py

A block `<!-- menu:begin NAME -->` to `<!-- menu:end -->` holds the card's table.
"""

import re
from pathlib import Path

import keras_dynres as kd

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"(<!-- menu:begin (\w+) -->\n).*?(<!-- menu:end -->)", re.DOTALL)


def readme():
    """The text of README.md with the menus of the cards."""
    return BLOCK.sub(_table, README.read_text("utf-8"))


def _table(found):
    card = kd.zoo.card(found[2])
    section = card.to_markdown().split("\n## Instances\n")[1].split("\n## ")[0]
    return f"{found[1]}{section.strip()}\n{found[3]}"


if __name__ == "__main__":
    README.write_text(readme(), encoding="utf-8")
    print(f"Wrote {README}.")
