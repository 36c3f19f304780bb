"""The Utterances page's parts."""
