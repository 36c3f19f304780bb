"""The retriever as a run tunes it: an encoder with a function layer and a tagger, and its head."""
