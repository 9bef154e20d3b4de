"""Audit: what an export or a ledger holds → what of it is unexplained. An independent program: it knows words and records."""
