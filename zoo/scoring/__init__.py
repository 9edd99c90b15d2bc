"""What is measured on a model: a split's scores, the mirrored pass, cost, and imported points."""
