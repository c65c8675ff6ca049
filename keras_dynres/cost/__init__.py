"""MACs, FLOPs and parameters of a functional graph, layer by layer.

Nothing is executed: rules read static shapes. Costs are per image, and both usual
conventions are kept apart.

- **MACs**: multiply-accumulates of convolutions and dense layers, nothing else.
- **FLOPs**: a MAC is two, a bias one per output element, a batch norm two per
  element, a ReLU one, pooling the window's area per output element, the addition of
  a residual one per element; reshaping, padding and concatenation are free. Other
  layers count one per elementary operation and element (`activations`, `layer_rules`
  and `operation_rules` list them).

A third count, `macs_elementwise`, adds to the MACs the elements that activations
write and pooling reads: MSDNet's figures are counted so.
"""

from keras_dynres.cost import activations, layer_rules, operation_rules
from keras_dynres.cost.graph_cost import count, table
from keras_dynres.cost.record import Cost, LayerCost, Work
from keras_dynres.cost.registry import register

__all__ = [
    "Cost",
    "LayerCost",
    "Work",
    "activations",
    "count",
    "layer_rules",
    "operation_rules",
    "register",
    "table",
]
