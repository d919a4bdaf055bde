"""The honest benchmark: protocols, baselines, evaluation and report."""
