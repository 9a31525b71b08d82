"""Where the bytes of artifacts lie (`folder`, `buckets`), and how they get there (`moving`)."""
