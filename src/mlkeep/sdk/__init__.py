"""What users type: the fluent functions and the client."""
