"""An account's state, the effects that change it, and the arithmetic of holds. No IO."""
