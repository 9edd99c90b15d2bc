"""Built-in losses, one family a file."""
