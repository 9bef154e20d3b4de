"""The grammar of policies and expressions, its parse tables, and the JSON Schemas, as data."""
