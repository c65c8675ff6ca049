"""Numbers and grids as people read them."""

_UNITS = (("G", 1e9), ("M", 1e6), ("k", 1e3))
_AXES = {
    "macs": "Multiply-accumulates per image",
    "flops": "FLOPs per image",
    "params": "Parameters",
    "latency_ms": "Latency per image (ms)",
    "accuracy": "Top-1 accuracy (%)",
    "top5_accuracy": "Top-5 accuracy (%)",
}
_HEADS = {
    "macs": "MACs",
    "flops": "FLOPs",
    "params": "Parameters",
    "latency_ms": "Latency",
    "latency_iqr_ms": "Spread (IQR)",
    "accuracy": "Accuracy",
    "top5_accuracy": "Top-5",
    "loss": "Loss",
}


def amount(value):
    """A count with its unit prefix: `"8.22 G"`."""
    for unit, size in _UNITS:
        if abs(value) >= 0.9995 * size:
            return f"{_three(value / size)} {unit}"
    return _three(value)


def tick(value, key, most):
    """An axis' number, in the unit that suits the axis' end.

    >>> tick(500_000, "macs", 3_000_000)
    '0.5 M'
    """
    if key not in ("macs", "flops", "params"):
        return f"{value:g}"
    for unit, size in _UNITS:
        if most >= size:
            return f"{value / size:g} {unit}" if value else "0"
    return f"{value:g}"


def _three(value):
    """About three digits, and never fewer than the whole ones."""
    if value == int(value) and abs(value) < 1000:
        return str(int(value))
    return f"{value:.{max(0, 3 - len(str(int(abs(value)))))}f}"


def cost(value, key):
    """A cost in the unit of its kind; a dash where it is not known."""
    if value != value:
        return "–"
    return f"{value:.3g} ms" if key.endswith("_ms") else amount(value)


def axis(key):
    """An axis' title."""
    return _AXES.get(key, key.replace("_", " "))


def head(key):
    """A column's title."""
    return _HEADS.get(key, key.replace("_", " ").capitalize())


def grid(header, rows, style="plain"):
    """Rows of strings as an aligned plain or Markdown table; first column left."""
    columns = list(zip(header, *rows, strict=True))
    widths = [max(len(cell) for cell in column) for column in columns]

    def line(cells):
        first, *others = cells
        padded = [first.ljust(widths[0])]
        padded += [c.rjust(w) for c, w in zip(others, widths[1:], strict=True)]
        if style == "markdown":
            return "| " + " | ".join(padded) + " |"
        return "  ".join(padded).rstrip()

    rules = ["-" * w for w in widths]
    if style == "markdown":
        rules = [rules[0]] + [rule[:-1] + ":" for rule in rules[1:]]
    return "\n".join([line(header), line(rules), *map(line, rows)])
