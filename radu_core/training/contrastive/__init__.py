"""A retriever that learns from the labels which texts belong to one function."""
