"""A retriever that learns from a language model which chunks help it (REPLUG LSR, RA-DIT)."""
