"""What the pipeline holds as the HTTP contract has it. Pure, one noun a file."""
