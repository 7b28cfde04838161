"""Pictures to skeletons: a model over any pictures, without a sample set."""
