"""Policy text in either surface → one tree with spans; printers, canonical form, digest, schemas. No IO."""
