"""One module for each command; each exposes `app`, a `typer.Typer`, and imports heavy packages only when it runs."""
