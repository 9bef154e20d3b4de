"""Patterns of `matches`: RE2's syntax, matched in time linear in the text. Python's `re` never sees an author's pattern."""
