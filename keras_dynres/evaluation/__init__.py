"""Tables, curves, analyses and the report: what a menu is worth."""

from keras_dynres.evaluation.answers import answer_sheet
from keras_dynres.evaluation.boxes import box_sheet
from keras_dynres.evaluation.curves import Curve, Point, curve
from keras_dynres.evaluation.difficulty import CostGroups, cost_groups
from keras_dynres.evaluation.environment import environment
from keras_dynres.evaluation.guesses import Guess, guess
from keras_dynres.evaluation.lookup import lookup_table
from keras_dynres.evaluation.maps import map_sheet
from keras_dynres.evaluation.masks import density_plot, mask_sheet, width_plot
from keras_dynres.evaluation.page import report
from keras_dynres.evaluation.plots import plot
from keras_dynres.evaluation.prediction import Predictions, Score, predictions
from keras_dynres.evaluation.scales import ScaleSensitivity, scale_sensitivity
from keras_dynres.evaluation.sheet import contact_sheet
from keras_dynres.evaluation.tables import accuracy_table, compare
from keras_dynres.evaluation.training_time import time_plot
from keras_dynres.evaluation.windows import windows
from keras_dynres.exits import growing_nets

__all__ = [
    "CostGroups",
    "Curve",
    "Guess",
    "Point",
    "Predictions",
    "ScaleSensitivity",
    "Score",
    "accuracy_table",
    "answer_sheet",
    "box_sheet",
    "compare",
    "contact_sheet",
    "cost_groups",
    "curve",
    "density_plot",
    "environment",
    "growing_nets",
    "guess",
    "lookup_table",
    "map_sheet",
    "mask_sheet",
    "plot",
    "predictions",
    "report",
    "scale_sensitivity",
    "time_plot",
    "width_plot",
    "windows",
]
