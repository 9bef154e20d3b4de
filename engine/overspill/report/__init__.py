"""Findings → what people and machines read of them: pages of rules, JSON, GitHub, SARIF, JUnit. Text is `syntax/frame.py`."""
