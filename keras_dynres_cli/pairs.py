"""Names and what is said of them, in two columns."""

import json
from collections.abc import Mapping
from typing import Any


def lines(content: Mapping[str, Any], indent: int = 0) -> str:
    """A line for each entry, the values in one column; what is no text as JSON.

    >>> print(lines({"epochs": 40, "schedule": "cosine"}))
    epochs    40
    schedule  cosine

    Args:
        content: What is shown, at least one entry.
        indent: Spaces before each line.
    """
    width = max(map(len, content))
    texts = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in content.items()
    }
    return "\n".join(
        f"{'':{indent}}{key:<{width}}  {text}".rstrip() for key, text in texts.items()
    )
