"""`python -m keras_dynres.cli`, where the command is not on the path."""

from keras_dynres import cli

cli.run()
