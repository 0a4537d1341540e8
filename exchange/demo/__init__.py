"""A living market: participants driven by real demand and prices, through the public API only."""
