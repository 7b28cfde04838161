"""Pictures for people to look at."""
