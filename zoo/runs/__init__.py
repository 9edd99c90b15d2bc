"""Finished runs and where they are found: the run folder, its trained model, its own data, the
catalogue of ready models and the hub."""
