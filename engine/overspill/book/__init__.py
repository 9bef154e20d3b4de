"""The book: what the journal adds up to."""
