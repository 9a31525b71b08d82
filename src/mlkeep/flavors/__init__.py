"""Frameworks: how the models of each are saved, loaded and called."""
