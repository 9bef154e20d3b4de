"""Inputs as nobody should write them: the targets, what is asserted of them, and how texts are mutated."""
