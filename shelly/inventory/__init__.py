"""Asks each gateway which native components it has. The answers come as frames like any other; this only asks."""
