"""The Playground, and what leaves the studio: bundles, exports."""
