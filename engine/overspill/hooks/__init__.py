"""Webhooks: events (`events/`) to the endpoints of tenants, at least once each, whoever is killed when.

`journal.py` reads what is to be told, `runner.py` says what is sent when and what becomes of it, `sending.py` sends one;
`endpoints.py` is what an endpoint may be, `reach.py` where it may stand.
"""
