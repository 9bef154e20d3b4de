"""Journal, requests, decisions, usage events and their schemas: the words that services, stores and auditors share."""
