"""Training: snapshot in, run folder out."""
