"""Tree → typed rules: names, units, types, total orders, who serves what. Faults are values, all of them at once."""
