"""The Utterances page: the table of all utterances, and edits of many at once."""
