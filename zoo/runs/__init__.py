"""What a finished run is, and where one is found: its folder, its trained model, its own data, the
catalogue of ready models and the hub."""
