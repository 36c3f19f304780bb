"""The Prompts page: previews, templates, negatives."""
