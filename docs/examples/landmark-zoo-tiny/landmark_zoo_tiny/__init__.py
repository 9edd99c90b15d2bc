"""An example package with plugins of every kind for the landmark zoo."""
