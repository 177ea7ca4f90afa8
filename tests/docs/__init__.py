"""What users read, held against what the program does."""
