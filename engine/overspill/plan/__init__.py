"""The plan as data, its plain interpreter, and what generated code calls. Never imports `compile`."""
