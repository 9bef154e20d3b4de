"""Records of the journal → CloudEvents for whoever wants to be told. Pure: the same journal gives the same events.

`from_record.py` has the table of what a record tells, `from_posting.py` what its settlement does; `hooks/` delivers them.
"""
