"""Built-in backbones, one family a file."""
