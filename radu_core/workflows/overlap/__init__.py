"""The Overlap page: functions that overlap."""
