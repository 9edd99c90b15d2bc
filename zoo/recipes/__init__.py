"""Recipes shipped with the zoo: TOML files with the keys of `zoo.config`."""
