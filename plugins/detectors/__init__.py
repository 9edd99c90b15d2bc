"""Built-in detectors, one family a file."""
