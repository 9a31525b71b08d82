"""Where the bytes of artifacts lie: folders, object stores, or behind a server."""
