"""Rules → plan: slots, tables, dispatch, and the generated functions."""
