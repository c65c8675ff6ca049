"""The model that every method is, and what it is made of."""
