"""`bluflow`: one file per command."""
