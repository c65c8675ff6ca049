"""Writes the shipped network's menu into README.md, as its card has it.

python docs/make_menu.py
"""

import re
from pathlib import Path

import keras_dynres as kd

NAME = "sdpoint_wrn16_2_cifar10"
README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"(<!-- menu:begin -->\n).*?(<!-- menu:end -->)", re.DOTALL)


def readme():
    """The text of README.md with the menu of the card, or as it is without one."""
    text = README.read_text("utf-8")
    card = kd.zoo.card(NAME)
    if card.menu is None:
        return text
    section = card.to_markdown().split("\n## Instances\n")[1].split("\n## ")[0]
    return BLOCK.sub(lambda found: f"{found[1]}{section.strip()}\n{found[2]}", text)


if __name__ == "__main__":
    README.write_text(readme(), encoding="utf-8")
    print(f"Wrote {README}.")
