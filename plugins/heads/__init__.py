"""Built-in heads, one family a file."""
