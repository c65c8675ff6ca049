"""HTML and SVG made of templates."""

from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).with_name("templates")


def render(name: str, **content: Any) -> str:
    """A template's text with what it shows."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(name).render(content)
