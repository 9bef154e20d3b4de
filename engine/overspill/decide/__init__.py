"""Plan, states, request, instant → how much, and from where: draws, shortfall, reason, offers, trace, effects."""
