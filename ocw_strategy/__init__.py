"""OCW: decide when a trading decision is worth buying, buy it, carry it out, and learn from it."""
