"""What the tracking server and the model server both stand on: sockets, processes and the access log."""
