"""Review: what a policy change changes, and whether a policy does what its tests say."""
