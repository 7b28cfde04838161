"""What models say beyond the labels: annotations extended by them, and whose labels to look at."""
