"""What would make a run fail, looked for before it starts: here, and in what it reads."""
