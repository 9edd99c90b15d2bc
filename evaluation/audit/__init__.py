"""What is wrong with a data set before a model has seen it. No torch here."""
