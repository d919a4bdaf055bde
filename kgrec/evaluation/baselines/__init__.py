"""What kgrec is measured against; each a recommender in its own right, with its source.

All work on the merged matrix of likes ``[P, I]`` (one row a person, columns of all domains)
unless they say otherwise, and score people by what they are known to like.
"""
