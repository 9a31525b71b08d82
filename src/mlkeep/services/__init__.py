"""What can be done with mlkeep: one function a use-case, each a function of one transaction."""
