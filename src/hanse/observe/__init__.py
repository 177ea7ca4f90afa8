"""What is kept of every query, counted and told: records on disk, metrics, traces, a picture. No user's value is in any."""
