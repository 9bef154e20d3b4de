"""The engine in a world where everything fails: one thread, one source of chance, simulated time, disk and clients."""
