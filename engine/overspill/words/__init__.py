"""What everyone says: amounts, units, instants, lengths, spans, diagnostics, failures. No IO."""
