"""The built-in plugins: they enter by the same entry points and contracts as a stranger's."""
