"""What is logged, on disk until the server has it (see docs/decisions/0011)."""
