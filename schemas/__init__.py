"""What the processes agree on: topics, records, codec. Standard library and msgspec only."""
