"""Expressions: CEL text → typed tree (cel-spec, `doc/langdef.md`). No IO, no evaluation."""
