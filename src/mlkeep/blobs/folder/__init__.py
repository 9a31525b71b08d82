"""Artifacts in a folder of this machine."""
