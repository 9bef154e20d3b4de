"""Commands → records and answers: the one pure step that everything which decides calls."""
