"""How well points fit their labels: protocols, metrics, predictions and results of a split."""
