"""One command a file; what is heavy is imported when it runs."""
