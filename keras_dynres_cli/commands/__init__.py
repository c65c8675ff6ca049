"""One command a file; the library is imported when one runs."""
