"""The commands. Data on stdout, narration on stderr; exit codes 0 done, 1 the answer is no, 2 could not, 3 broken."""
