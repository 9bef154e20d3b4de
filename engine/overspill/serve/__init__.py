"""The service: decisions over HTTP. Whatever an engine answers goes out in the same bytes."""
