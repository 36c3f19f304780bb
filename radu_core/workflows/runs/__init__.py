"""What a run is launched with, keeps and needs."""
