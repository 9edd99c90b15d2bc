"""Built-in trackers, one program a file."""
