"""Leaving early: networks with exits, policies under a budget, what they are worth.

`ExitModel` is the network: it is cut into stages, which run one after another. A
`Policy` says who leaves where. All else works on plain arrays: `probabilities` are
what every exit said of the same images, of shape (exits, images, classes); `labels`
the images' classes; `costs` what an image costs that leaves at each exit, all heads it
passed included.
"""

from keras_dynres.exits.baselines import ensemble, growing_nets, interpolate
from keras_dynres.exits.envelope import envelope
from keras_dynres.exits.model import ExitModel, names_of, policies_of, stages_of
from keras_dynres.exits.policy import Policy
from keras_dynres.exits.rules import needed_exits, solve
from keras_dynres.exits.stops import budget_distribution, expected_accuracy
from keras_dynres.exits.worth import (
    accuracy_and_cost,
    anytime_menu,
    budgeted_menu,
    curve,
    simulate,
)

__all__ = [
    "ExitModel",
    "Policy",
    "accuracy_and_cost",
    "anytime_menu",
    "budget_distribution",
    "budgeted_menu",
    "curve",
    "ensemble",
    "envelope",
    "expected_accuracy",
    "growing_nets",
    "interpolate",
    "names_of",
    "needed_exits",
    "policies_of",
    "simulate",
    "solve",
    "stages_of",
]
