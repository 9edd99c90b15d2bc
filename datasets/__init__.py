"""Built-in data-set adapters, one source a file."""
