"""What talks to the exchange from outside: the SDK, and whatever is built on it."""
