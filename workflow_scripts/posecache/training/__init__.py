"""Training of students (and home-trained teachers) from samples and cached logits."""
