"""Anomaly detection with a threshold that is set on held-out normal data."""
