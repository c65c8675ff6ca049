"""A policy as people read it."""

UNITS = {"macs": "MACs", "latency_ms": "ms"}


def text(policy):
    """The policy as a table, with what it was fitted to and what it costs."""
    unit = UNITS[policy.unit]
    by = policy.rule if policy.q is None else f"{policy.rule}, q = {policy.q:.4g}"
    low, high = map(amount, policy.interval)
    lines = [
        f"{policy.model}: at most {amount(policy.budget)} {unit} an image ({by})",
        *_table(policy, unit),
        f"{amount(policy.expected_cost)} {unit} an image (95 %: {low} to {high}), "
        f"{100 * policy.accuracy:.2f} % right, on {policy.held_out['count']} "
        "held-out images",
    ]
    lines += [
        f"{each['rule']}, on images apart: {amount(each['cost'])} {unit}, "
        f"{100 * each['accuracy']:.2f} % right"
        for each in policy.alternatives
    ]
    return "\n".join(lines)


def _table(policy, unit):
    rows = [("exit", unit, "threshold", "leave")]
    for name, cost, threshold, fraction in zip(
        policy.exits, policy.costs, policy.thresholds, policy.fractions, strict=True
    ):
        share = f"{100 * fraction:.2f} %"
        rows.append((name, amount(cost), f"{threshold:.4f}", share))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    for name, *others in rows:
        cells = [c.rjust(w) for c, w in zip(others, widths[1:], strict=True)]
        yield "  ".join([name.ljust(widths[0]), *cells])


def amounts(values):
    """Costs in one line."""
    return ", ".join(map(amount, values))


def amount(value):
    """A cost with its unit's prefix.

    >>> amount(15_130_000.0), amount(2.5)
    ('15.13 M', '2.5')
    """
    for prefix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.2f} {prefix}"
    return f"{value:.4g}"
