"""Evidence: how much a sentence looks like an order to the model, weighed from what its words mean."""
