"""The site that measures a bundle in a phone's browser: its files and its server."""
