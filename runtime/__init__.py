"""What every process does the same way: settings, logging, signals, health page, Kafka clients."""
