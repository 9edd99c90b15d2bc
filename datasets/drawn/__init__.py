"""Draws the `synthetic` data set: a random 3-D face, its sitting, light, paint and scene."""
