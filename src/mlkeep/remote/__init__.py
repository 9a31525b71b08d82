"""A server's use-cases over HTTP, derived from the endpoint table."""
