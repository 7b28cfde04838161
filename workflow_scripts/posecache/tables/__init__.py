"""Tables made from scores: the paper's, its authors' report's, and the user's own."""
