"""One trained network, a menu of inference budgets."""
