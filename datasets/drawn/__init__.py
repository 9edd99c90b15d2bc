"""How the `synthetic` data set draws: a random 3-D face, its sitting, light, paint and scene."""
