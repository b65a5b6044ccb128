"""The checks that every submission passes, at home and on the server."""
