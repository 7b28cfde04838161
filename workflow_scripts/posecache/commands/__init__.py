"""The commands of `posecache`, each with what it does and its arguments."""
