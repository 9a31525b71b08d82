"""Moving files and folders between this machine and a store."""
