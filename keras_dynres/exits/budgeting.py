"""Solving budgets for a network with exits: what exits cost, what they say."""

import statistics
import time

import keras
import numpy as np

from keras_dynres import cost, exits
from keras_dynres.errors import DynresError, UnknownNameError
from keras_dynres.exits.staged import StagedRuns, probabilities

_RULES = {"geometric": exits.solve, "searched": exits.search, "best": exits.best}
_TIMED = 5


def stage_costs(stages, unit="macs"):
    """MACs or FLOPs of an image that leaves after each stage."""
    counted = [getattr(cost.count(stage.model), unit) for stage in stages]
    return [int(n) for n in np.cumsum(counted)]


def solve(model, data, macs, latency_ms, rule, held_out, verbose):
    """The policies of some budgets; see `ExitModel.solve_budget`."""
    if (macs is None) == (latency_ms is None):
        raise DynresError(
            "A budget is macs= or latency_ms=, one of them. "
            f"Received: macs={macs}, latency_ms={latency_ms}."
        )
    _check_rule(rule)
    seen, labels, images = predictions(model, data, verbose)
    unit = "macs" if latency_ms is None else "latency_ms"
    costs = model.exit_costs() if latency_ms is None else model.exit_times(images)
    about = {"unit": unit, "held_out": held_out}
    budgets = macs if latency_ms is None else latency_ms
    return _policies(model, (seen, labels), costs, budgets, rule, about)


def curves(model, validation, test, points, rule, verbose):
    """Anytime and budgeted menus; see `ExitModel.budget_curve`."""
    _check_rule(rule)
    if points < 2:
        raise DynresError(f"A curve has 2 points at least. Received: points={points}.")
    costs, priced = model.exit_costs(), _prices(model)
    held_out = predictions(model, validation, verbose)[:2]
    seen = predictions(model, test, verbose)[:2]
    budgets = np.linspace(costs[0], costs[-1], points)
    policies = _policies(model, held_out, costs, budgets, rule, {})
    return {
        "anytime": exits.anytime_menu(*seen, *priced, model.exits),
        "budgeted": exits.budgeted_menu(policies, *seen, *priced),
    }


def worth(model, policies, data, verbose):
    """The menu of policies; see `ExitModel.evaluate_policies`."""
    if not policies:
        raise DynresError(
            "There is no policy to evaluate: solve a budget first (solve_budget). "
            "Received: policies=[]."
        )
    for policy in policies:
        policy.check(model.name, model.exits, model.exit_costs())
    seen = predictions(model, data, verbose)[:2]
    return exits.budgeted_menu(policies, *seen, *_prices(model))


def expected_accuracy(model, distribution, data, verbose):
    """Accuracy when stopped by chance; see `ExitModel.expected_accuracy`."""
    weights = exits.budget_distribution(distribution, model.exit_costs())
    seen, labels, _ = predictions(model, data, verbose)
    right = (seen.argmax(axis=-1) == labels).mean(axis=1)
    return exits.expected_accuracy(right, weights)


def predictions(model, data, verbose=False):
    """Probabilities of every exit (exits, images, classes), labels, and a batch."""
    found, labels, batch = [], [], None
    bar = keras.utils.Progbar(None, verbose=int(verbose), unit_name="batch")
    for number, (images, answers, *_) in enumerate(data, 1):
        batch = np.asarray(images) if batch is None else batch
        found.append(
            [probabilities(e, model.from_logits) for e in model.every_exit(images)]
        )
        labels.append(np.asarray(answers).reshape(-1))
        bar.update(number)
    if not found:
        raise DynresError("Nothing to solve a budget on: the data held no batch.")
    return np.concatenate(found, axis=1), np.concatenate(labels), batch


def stage_times(model, images):
    """Milliseconds an image until each exit, the median of a few runs."""
    runs = StagedRuns(model.stages(), model.from_logits)
    rows = []
    for _ in range(_TIMED + 1):
        start, row = time.perf_counter(), []
        for _ in runs.anytime(images):
            row.append(1000 * (time.perf_counter() - start) / len(images))
        rows.append(row)
    return [statistics.median(column) for column in zip(*rows[1:], strict=True)]


def _prices(model):
    return model.exit_costs(), stage_costs(model.stages(), "flops")


def _check_rule(rule):
    if rule not in _RULES:
        raise UnknownNameError("rule", rule, list(_RULES))


def _policies(model, seen, costs, budgets, rule, about):
    about = {**about, "exits": model.exits, "model": model.name}
    return [
        _RULES[rule](*seen, costs, float(budget), **about)
        for budget in np.atleast_1d(budgets)
    ]
