"""What recommenders read: who liked what as matrices, and what users did in order of time."""
