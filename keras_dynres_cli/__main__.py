"""`python -m keras_dynres_cli`, where the command is not on the path."""

import keras_dynres_cli

keras_dynres_cli.run()
