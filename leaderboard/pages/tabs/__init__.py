"""The tabs of the app, one module per tab."""
