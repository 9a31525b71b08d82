"""The MLmodel format: folders that hold a model, their schemas, examples and environments."""
