"""What the engine asks of the world, as protocols: a clock and a store."""
