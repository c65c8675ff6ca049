"""A policy: who leaves at which exit, and what that was measured to cost."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_dynres import files, text
from keras_dynres.errors import DynresError, one_of
from keras_dynres.exits import checks

FORMAT = 1
RULES = ("geometric", "searched")
_UNITS = {"macs": "MACs", "latency_ms": "ms"}


@dataclasses.dataclass(frozen=True)
class Policy:
    """Confidence thresholds for a network's exits, fitted to a budget.

    Made by `solve`. An image leaves at the first exit where its largest probability is
    at least the exit's threshold. `print(policy)` shows it.

    Args:
        model: Name of the model it is for.
        exits: Names of the model's exits, in order.
        costs: Cost of an image that leaves at each exit, in `unit`, increasing.
        unit: `"macs"` or `"latency_ms"`.
        budget: The mean cost an image may have.
        thresholds: One for each exit, in [0, 1]; the last is 0: all leave there.
        q: The exit probability that solves the budget; None for a searched policy,
            and where the budget covers the last exit.
        rule: `"geometric"` (the paper's) or `"searched"`.
        fractions: Share of the held-out images that leaves at each exit.
        expected_cost: Mean cost of a held-out image.
        interval: 95 % confidence interval of the mean cost of an image like the
            held-out ones, low and high: 1.96 standard errors of the held-out mean
            either side, cut at the first and the last exit's cost. The mean over a
            few images varies more.
        accuracy: On the held-out images. A searched policy was fitted to their
            labels: expect a little less elsewhere, as `alternatives` says.
        held_out: A dict: `count`, and how the images were held out.
        curve: The trade-off the budget chose from: dicts of `cost`, `accuracy` and `q`
            on the held-out images, of rising budgets.
        alternatives: The rules that `"best"` compared: dicts of `rule`, `accuracy` and
            `cost`, measured on images that the thresholds were not fitted to.

    Example:

    >>> sure = np.array([[0.9, 0.8, 0.7, 0.6], [1.0, 0.9, 0.9, 0.8]])
    >>> probabilities = np.stack([sure, 1 - sure], axis=-1)
    >>> policy = kd.exits.solve(probabilities, [0, 0, 0, 1], [10, 30], budget=20)
    >>> policy.decide(0, [0.76, 0.74])
    array([ True, False])
    >>> kd.exits.Policy.from_config(policy.get_config()) == policy
    True
    """

    model: str
    exits: tuple[str, ...]
    costs: tuple[float, ...]
    unit: str
    budget: float
    thresholds: tuple[float, ...]
    q: float | None
    rule: str
    fractions: tuple[float, ...]
    expected_cost: float
    interval: tuple[float, float]
    accuracy: float
    held_out: Mapping
    curve: tuple[Mapping, ...]
    alternatives: tuple[Mapping, ...] = ()

    def __post_init__(self) -> None:
        one_of("unit", self.unit, _UNITS)
        one_of("rule", self.rule, RULES)
        costs = checks.costs(self.costs)
        count, (first, last) = len(costs), costs[[0, -1]]
        cost = checks.number(self.expected_cost, "expected_cost", first, last)
        checked = {
            "exits": checks.names(self.exits, count),
            "costs": tuple(costs.tolist()),
            "budget": checks.budget(self.budget, costs, self.unit),
            "thresholds": checks.thresholds(self.thresholds, count),
            "q": checks.exit_probability(self.q),
            "fractions": checks.fractions(self.fractions, count),
            "expected_cost": cost,
            "interval": checks.interval(self.interval, first, last),
            "accuracy": checks.number(self.accuracy, "accuracy", 0, 1),
            "held_out": checks.held_out(self.held_out),
            "curve": checks.measured(self.curve, "curve"),
            "alternatives": checks.measured(self.alternatives, "alternatives"),
        }
        if checked["thresholds"][-1] != 0:
            raise DynresError(
                "All images leave at the last exit: its threshold is 0. "
                f"Received: thresholds={list(self.thresholds)}."
            )
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def decide(self, k: int, confidences: ArrayLike) -> np.ndarray:
        """Who leaves at an exit.

        Args:
            k: The exit's position, from 0.
            confidences: The largest probability of each image still there.

        Returns:
            An array of booleans, one for each image.
        """
        if k not in range(len(self.exits)):
            raise DynresError(
                f"The policy's exits are numbered from 0 to {len(self.exits) - 1}. "
                f"Received: k={k}."
            )
        if k == len(self.exits) - 1:
            return np.ones(np.shape(confidences), bool)
        return is_sure(confidences, self.thresholds[k])

    def check(
        self, model_name: str, exits: Sequence[str], costs: ArrayLike | None = None
    ) -> None:
        """Raises when this is another model's policy.

        Args:
            model_name: The model's name.
            exits: Names of its exits in order.
            costs: MACs of an image that leaves at each of them, compared with those
                of a policy in MACs. Latencies differ from one run to the next.
        """
        if (model_name, list(exits)) != (self.model, list(self.exits)):
            raise DynresError(
                f"The policy is for {self.model!r} with the exits "
                f"{', '.join(self.exits)}. Received: {model_name!r} with the exits "
                f"{', '.join(exits)}."
            )
        if costs is None or self.unit != "macs":
            return
        costs = checks.costs(costs, len(self.costs))
        if not np.allclose(costs, self.costs, rtol=1e-6, atol=0):
            raise DynresError(
                f"The policy is for a {self.model!r} whose exits cost "
                f"{_amounts(self.costs)} MACs. Received: one whose exits cost "
                f"{_amounts(costs)} MACs."
            )

    def get_config(self) -> dict[str, Any]:
        """A plain dict that `from_config` takes."""
        return {"format": FORMAT, **dataclasses.asdict(self)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Policy":
        """The policy that a plain dict describes."""
        try:
            if not isinstance(config, Mapping) or config.get("format") != FORMAT:
                raise DynresError(f"it is not of format {FORMAT}.")
            fields = {k: v for k, v in config.items() if k != "format"}
            _refuse_other(fields, [field.name for field in dataclasses.fields(cls)])
            return cls(**fields)
        except (TypeError, ValueError) as error:
            raise DynresError(f"Not a policy: {error}") from error

    def to_json(self, path: str | Path | None = None) -> str:
        """The policy as JSON text, written to `path` when one is given."""
        written = json.dumps(self.get_config(), indent=1, allow_nan=False) + "\n"
        if path is not None:
            files.write(path, written)
        return written

    @classmethod
    def from_json(cls, source: str | Path) -> "Policy":
        """A policy from JSON text or from the path of a JSON file."""
        return cls.from_config(files.read_json(source, "a policy"))

    def __str__(self) -> str:
        unit = _UNITS[self.unit]
        by = self.rule if self.q is None else f"{self.rule}, q = {self.q:.4g}"
        low, high = map(_amount, self.interval)
        rows = [
            (name, _amount(cost), f"{threshold:.4f}", f"{100 * fraction:.2f} %")
            for name, cost, threshold, fraction in zip(
                self.exits, self.costs, self.thresholds, self.fractions, strict=True
            )
        ]
        lines = [
            f"{self.model}: at most {_amount(self.budget)} {unit} an image ({by})",
            text.grid(("exit", unit, "threshold", "leave"), rows),
            f"{_amount(self.expected_cost)} {unit} an image (95 %: {low} to {high}), "
            f"{100 * self.accuracy:.2f} % right, on {self.held_out['count']} "
            "held-out images",
        ]
        lines += [
            f"{row['rule']}, on images apart: {_amount(row['cost'])} {unit}, "
            f"{100 * row['accuracy']:.2f} % right"
            for row in self.alternatives
        ]
        return "\n".join(lines)


def is_sure(confidences: ArrayLike, thresholds: ArrayLike) -> np.ndarray:
    """Who is sure enough to leave.

    In float64: NumPy would round a threshold to the confidences' precision, and an
    image that lies between would leave here and stay there.
    """
    return np.asarray(confidences).astype("float64") >= thresholds


def _refuse_other(content: Mapping, names: Sequence[str]) -> None:
    for name in names:
        if name not in content:
            raise DynresError(f"it lacks {name!r}.")
    for name in content:
        if name not in names:
            raise DynresError(f"it holds {name!r}, which no policy has.")


def _amounts(values: Iterable[float]) -> str:
    return ", ".join(map(_amount, values))


def _amount(value: float) -> str:
    # Policies of one net differ in the fourth digit.
    return text.amount(value, digits=2)
