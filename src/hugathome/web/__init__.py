"""The web application over HTTP: its API, its pages, who may ask for them, and its description."""
