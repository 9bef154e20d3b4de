"""Settlement over NATS JetStream: the relay from the outbox into a stream, and the settler that a stream wakes."""
