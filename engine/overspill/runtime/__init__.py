"""The engine as it runs: the queue, the commit and the clock around the pure step."""
