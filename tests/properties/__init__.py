"""Properties of the whole market under random commands."""
