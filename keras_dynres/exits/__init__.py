"""Leaving early: policies under a budget, and what they are worth, on plain arrays.

Nothing here runs a network. `probabilities` are what every exit said of the same
images, of shape (exits, images, classes); `labels` the images' classes; `costs` what
an image costs that leaves at each exit, all heads it passed included.
"""

from keras_dynres.exits.anytime import budget_distribution, expected_accuracy
from keras_dynres.exits.baselines import ensemble, interpolate
from keras_dynres.exits.choosing import best
from keras_dynres.exits.menus import anytime_menu, budgeted_menu
from keras_dynres.exits.policy import Policy
from keras_dynres.exits.searching import search
from keras_dynres.exits.simulating import accuracy_and_cost, curve, simulate
from keras_dynres.exits.solving import solve

__all__ = [
    "Policy",
    "accuracy_and_cost",
    "anytime_menu",
    "best",
    "budget_distribution",
    "budgeted_menu",
    "curve",
    "ensemble",
    "expected_accuracy",
    "interpolate",
    "search",
    "simulate",
    "solve",
]
